(function(d){
d.forms[0].submit();
})(document);
