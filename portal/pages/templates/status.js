(function(w,d){
var left=d.getElementById('left'),began=new Date().getTime();
function tick(){
var seconds=left.getAttribute('data-left')-Math.floor((new Date().getTime()-began)/1000),
minutes=Math.max(1,Math.floor(seconds/60)),hours=Math.floor(minutes/60),words=[];
if(seconds<=0){w.location.reload();return;}
if(hours)words.push(left.getAttribute('data-hours').replace('#',hours));
if(minutes%60||!hours)words.push(left.getAttribute('data-minutes').replace('#',minutes%60||1));
left.textContent=words.join(' ');
w.setTimeout(tick,5000);
}
tick();
})(window,document);
