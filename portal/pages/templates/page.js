(function(w,d){
var i,forms=d.forms;
function once(e){
var form=this,b=form.querySelector('button');
if(form.getAttribute('data-sent')){e.preventDefault();return;}
form.setAttribute('data-sent','1');
b.setAttribute('aria-busy','true');
w.setTimeout(function(){again(form);},9000);
}
function again(form){
form.removeAttribute('data-sent');
form.querySelector('button').removeAttribute('aria-busy');
}
for(i=0;i<forms.length;i++)forms[i].addEventListener('submit',once);
w.addEventListener('pageshow',function(){for(i=0;i<forms.length;i++)again(forms[i]);});
})(window,document);
