var R=class extends Error{constructor(t,n,o,i=null,r=null){super(o||n);this.status=t;this.title=n;this.detail=o;this.document=i;this.retryAfter=r}status;title;detail;document;retryAfter;name="Problem";get isPassing(){return[408,425,429,500,502,503,504,507].includes(this.status)}};async function*Fn(s){let e=s.pipeThrough(new TextDecoderStream).getReader(),t="";try{for(;;){let{value:n,done:o}=await e.read();if(o)return;let i=(t+n).split(/\r?\n\r?\n/);if(t=i.pop()??"",t.length>4194304)throw new Error("an event has more than 4194304 characters");for(let r of i)yield Cr(r)}}finally{await e.cancel().catch(()=>{})}}function Cr(s){let e={name:"",data:""},t=[];for(let n of s.split(/\r?\n/)){let[,o="",i=""]=/^(\w*):? ?(.*)$/.exec(n)??[];o==="event"&&(e.name=i),o==="data"&&t.push(i)}return t.length>0&&(e.name||="message"),{...e,data:t.join(`
`)}}var qo=45e3,Rr=500,Br=15e3;async function $o({open:s,hear:e,connected:t,lost:n,signal:o}){let i=0,r=!1;for(;!o.aborted;){let a=new AbortController,l=()=>a.abort();o.addEventListener("abort",l);let d=setTimeout(l,qo);try{let h=await s(a.signal);t(r),r=!0;for await(let m of Fn(h))i=0,clearTimeout(d),d=setTimeout(l,qo),m.data!==""&&e(m)}catch{}finally{clearTimeout(d),o.removeEventListener("abort",l)}if(Dr(o))return;n(),await Y(Math.min(Br,Rr*2**i++),o)}}function Y(s,e){return new Promise(t=>{let n=()=>{clearTimeout(o),e?.removeEventListener("abort",n),t()},o=setTimeout(n,s);e?.addEventListener("abort",n),e?.aborted&&n()})}function Dr(s){return s.aborted}var Nr=5,zr=30;async function Ko(s,e,t={}){let{signal:n,patient:o=!0}=t;for(let i=1;;i++){let r=await s(Ze(e,t.query),Fr(t));if(r.ok)return r;let a=await Hr(r);if(a.status!==429||!o||i===Nr)throw a;await Y(1e3*Math.min(zr,a.retryAfter??1),n),n?.throwIfAborted()}}function Fr({method:s="GET",json:e,body:t,signal:n}){let o={method:s,credentials:"same-origin"};return n&&(o.signal=n),e!==void 0?(o.body=JSON.stringify(e),o.headers={"Content-Type":"application/json"}):t!==void 0&&(o.body=t,o.headers={"Content-Type":t.type||"application/octet-stream"}),o}function Ze(s,e={}){let t=Object.entries(e).filter(n=>n[1]!==void 0);return t.length===0?s:`${s}?${new URLSearchParams(t).toString()}`}async function Hr(s){let e=await s.json().catch(()=>null),t=i=>typeof e?.[i]=="string"?e[i]:"",n=e?.document??null,o=parseFloat(s.headers.get("Retry-After")??"");return new R(s.status,t("title")||s.statusText||String(s.status),t("detail"),n,Number.isFinite(o)?Math.max(0,o):null)}var H="/v1/studio",qr=1e3,Qe=class{constructor(e=(...t)=>fetch(...t)){this.fetcher=e}fetcher;project(){return this.json(H)}async saveLabels(e){return(await this.json(`${H}/labels`,{method:"PUT",json:{labels:e}})).labels}async images(){return(await this.json(`${H}/images`)).images}addImage(e,t){return this.json(`${H}/images`,{method:"POST",body:e,query:{name:t}})}open(e,t){return this.json(`${H}/images/${e}`,{signal:t})}thumbnail(e,t){return Ze(`${H}/images/${e}/thumbnail`,{v:t?.toString()})}tile({key:e,image:t},n,o,i){return Ze(`${H}/images/${e}/tiles/${n}/${o}/${i}`,{v:t})}change(e,t,n){return this.json(`${H}/images/${e}/changes`,{method:"POST",json:{version:t,change:n}})}async ahead(e,t){await this.call(`${H}/images/${e}/ahead`,{method:"POST",signal:t,patient:!1})}suggest(e){return this.json(`${H}/suggest`,{method:"POST",json:e})}export(e,t){return this.json(`${H}/export`,{method:"POST",json:{formats:e,...t&&{states:t}}})}import(e,{name:t,format:n,mode:o,boxes:i}={}){let r={name:t,format:n===""?void 0:n,mode:o,boxes:i?"true":void 0};return this.json(`${H}/import`,{method:"POST",body:e,query:r})}undoImport(e){return this.json(`${H}/imports/${e}`,{method:"DELETE"})}code(e,t,n){return this.json(`${H}/code`,{method:"POST",json:{key:e,object:t,prompts:n}})}async models(){return(await this.json("/v1/models")).models}async segment(e,t,n={}){let{candidates:o=!1,model:i,window:r=null,signal:a,preview:l=!1}=n,d=async h=>{let m={image:{id:h},prompts:t,candidates:o,...i!==void 0&&{model:i},...r&&{window:r}};return(await this.json("/v1/segment",{method:"POST",json:m,signal:a,patient:!l})).masks};return this.reopening(e,d,a)}segmentAsJob(e,t,{model:n,window:o=null}={}){let i=r=>{let a={image:{id:r},prompts:t,...n!==void 0&&{model:n},...o&&{window:o}};return this.json("/v1/jobs",{method:"POST",json:a})};return this.reopening(e,i)}job(e){return this.json(`/v1/jobs/${e}`)}jobResult(e){return this.json(`/v1/jobs/${e}/result`)}cancelJob(e){return this.json(`/v1/jobs/${e}`,{method:"DELETE"})}async watchJob(e,t,n){let o=await this.job(e);for(;o.state==="running";){try{for await(let i of this.jobEvents(e,n))t(o=i)}catch(i){if(i instanceof R||n?.aborted)throw i}if(o.state!=="running")break;await Y(qr,n),n?.throwIfAborted(),o=await this.job(e)}return o}async*jobEvents(e,t){let n=await this.call(`/v1/jobs/${e}/events`,{signal:t});if(n.body!==null)for await(let{data:o}of Fn(n.body))o!==""&&(yield JSON.parse(o))}async events(e){let t=await this.call(`${H}/events`,{signal:e});if(t.body===null)throw new Error("the events have no body");return t.body}async json(e,t={}){return await(await this.call(e,t)).json()}call(e,t={}){return Ko(this.fetcher,e,t)}async reopening(e,t,n){try{return await t(e.image)}catch(o){if(!(o instanceof R&&o.status===404))throw o;let i=await this.open(e.key,n);return t(i.image)}}};function et(s,e,t){let n=Vo(s,e,t,1),o=Wo(n,t,1),i=new Map;Xe(n,t,(r,a,l,d)=>{let h=$r(i,o.root(r),()=>({x0:l,y0:a,x1:d,y1:a,area:0,bits:Kr}));h.x0=Math.min(h.x0,l),h.x1=Math.max(h.x1,d),h.y1=a+1,h.area+=d-l});for(let r of i.values())r.bits=new Uint8Array((r.x1-r.x0)*(r.y1-r.y0));return Xe(n,t,(r,a,l,d)=>{let h=i.get(o.root(r)),m=(a-h.y0)*(h.x1-h.x0)-h.x0;h.bits.fill(1,m+l,m+d)}),[...i.values()].sort((r,a)=>a.area-r.area)}function Uo(s,e,t,n){let o=Vo(s,e,t,0),i=Wo(o,t,0),r=new Map;Xe(o,t,(l,d,h,m)=>{let p=d===0||d===t-1||h===0||m===e,f=i.root(l);r.set(f,(r.get(f)??0)+(p?NaN:m-h))});let a=s.slice();return Xe(o,t,(l,d,h,m)=>{r.get(i.root(l))<=n&&a.fill(1,d*e+h,d*e+m)}),a}function Vo(s,e,t,n){let o={starts:[],ends:[],rows:new Int32Array(t+1)};for(let i=0;i<t;i++){let r=i*e,a=1-n;for(let l=0;l<e;l++){let d=s[r+l];d!==a&&(d===n?o.starts:o.ends).push(l),a=d}a===n&&o.ends.push(e),o.rows[i+1]=o.ends.length}return o}function Xe(s,e,t){for(let n=0;n<e;n++)for(let o=s.rows[n];o<s.rows[n+1];o++)t(o,n,s.starts[o],s.ends[o])}function Wo(s,e,t){let n=new Hn(s.starts.length);for(let o=1;o<e;o++){let i=s.rows[o-1],r=s.rows[o];for(;i<s.rows[o]&&r<s.rows[o+1];)s.starts[i]<s.ends[r]+t&&s.starts[r]<s.ends[i]+t&&n.join(i,r),s.ends[i]<s.ends[r]?i++:r++}return n}var Hn=class{parents;constructor(e){this.parents=Int32Array.from({length:e},(t,n)=>n)}root(e){for(;this.parents[e]!==e;)this.parents[e]=this.parents[this.parents[e]],e=this.parents[e];return e}join(e,t){this.parents[this.root(t)]=this.root(e)}};function $r(s,e,t){let n=s.get(e)??t();return s.set(e,n),n}var Kr=new Uint8Array(0);function qn(s,e,t,n,o){let i=new Uint8Array(s.length),r=Go(o),a=r.length-1;for(let l=0;l<t;l++){let d=l*e;for(let h=0;h<e;h++){if(s[d+h]!==n)continue;let m=h+1;for(;m<e&&s[d+m]===n;)m++;for(let p=Math.max(-a,-l);p<=a&&l+p<t;p++){let f=r[Math.abs(p)],g=(l+p)*e;i.fill(1,g+Math.max(0,h-f),g+Math.min(e,m+f))}h=m}}return i}function _o(s,e,t,n){let o=Ur(s,e,t,n),i=o.slice();for(let r of[1,0]){let a=new Uint8Array(s.length);for(let d=0;d<a.length;d++)a[d]=s[d]===r&&o[d]!==r?1:0;let l=qn(o,e,t,r,n);for(let d of et(a,e,t)){let h=Wr(d,e);if(h.some(m=>l[m]===0))for(let m of h)i[m]=r}}return i}function Ur(s,e,t,n){let o=Go(n),i=o.length-1,r=Vr(s,e,t),a=qn(s,e,t,1,n),l=qn(s,e,t,0,n),d=s.slice();for(let h=0;h<t;h++)for(let m=0;m<e;m++){let p=h*e+m;if(!a[p]||!l[p])continue;let f=0;for(let g=Math.max(-i,-h);g<=i&&h+g<t;g++){let b=o[Math.abs(g)],[k,O]=[Math.max(0,m-b),Math.min(e,m+b+1)],x=(h+g)*(e+1);f+=2*(r[x+O]-r[x+k])-(O-k)}f!==0&&(d[p]=f>0?1:0)}return d}function Vr(s,e,t){let n=new Int32Array((e+1)*t);for(let o=0;o<t;o++){let i=0;for(let r=0;r<e;r++)i+=s[o*e+r],n[o*(e+1)+r+1]=i}return n}function Go(s){return Array.from({length:Math.floor(s)+1},(e,t)=>Math.floor(Math.sqrt(s*s-t*t)))}function Wr(s,e){let t=[],n=s.x1-s.x0;return s.bits.forEach((o,i)=>{o&&t.push((s.y0+Math.floor(i/n))*e+s.x0+i%n)}),t}function Jo(s,e){tt(e);let t=new Int32Array(s.length),n=0,o=0,i=0;for(;i<s.length;){let r=0,a=0,l;do{if(l=s.charCodeAt(i++)-48,!(l>=0&&l<64))throw new RangeError(`run lengths end within a number, or have a character that is none, at ${i}`);if(a===7)throw new RangeError(`run lengths have a number of more than 7 characters, at ${i}`);r+=(l&31)*32**a++}while(l&32);if(l&16&&(r-=32**a),n>2&&(r+=t[n-2]),o+=r,r<0||o>e)throw new RangeError(`run lengths have a run of ${r} pixels, and cover more than the image`);t[n++]=r}if(o!==e)throw new RangeError(`run lengths cover ${o} pixels, expected ${e}`);return t.subarray(0,n)}function Yo(s){let e=new Uint8Array(s.length*7),t=0;for(let n=0;n<s.length;n++){let o=s[n]-(n>2?s[n-2]:0),i=!0;for(;i;){let r=o&31;o>>=5,i=r&16?o!==-1:o!==0,e[t++]=48+r+(i?32:0)}}return _r.decode(e.subarray(0,t))}function tt(s){if(!Number.isInteger(s)||s<1||s>1073741824)throw new RangeError(`an image has from 1 to 1073741824 pixels, got ${s}`)}var _r=new TextDecoder("ascii");function es(s,e,t,n,o){ns(...s,...e,t);let i=Math.max(0,Math.ceil(Math.min(s[1],e[1])-t)),r=Math.min(o-1,Math.floor(Math.max(s[1],e[1])+t)),a=new nt(Math.max(0,r-i+1)),[l,d]=[e[0]-s[0],e[1]-s[1]],h=Math.hypot(l,d),m=(p,f)=>Yr(p,f,s,l,d)<=t*t;for(let p=i;p<=r;p++){let f=new $n;if(Qo(f,s,t,p),Qo(f,e,t,p),h>0){let[k,O]=[-d/h*t,l/h*t];Xo(f,s[0]+k,s[1]+O,l,d,p),Xo(f,s[0]-k,s[1]-O,l,d,p)}let[g,b]=[Math.ceil(f.low)-1,Math.floor(f.high)+1];for(;g<=b&&!m(g,p);)g++;for(;g<=b&&!m(b,p);)b--;a.add(p,Math.max(0,g),Math.min(n,b+1))}return a.all()}function ts(s,e,t){for(let l of s)ns(...l);let n=Gr(s,t),o=new nt(n.xs.length),{xs:i,turns:r,starts:a}=n;for(let l=0;l<t;l++){let[d,h]=[a[l],a[l+1]];if(d===h)continue;Jr(i,r,d,h);let m=0,p=0;for(let f=d;f<h;f++){let g=m;m+=r[f],g===0&&(p=i[f]),m===0&&o.add(l,Math.max(0,Math.ceil(p)),Math.min(e,Math.ceil(i[f])))}}return o.all()}function Gr(s,e){let t=new Int32Array(e+2);Zo(s,e,(i,r)=>{for(let a=i;a<r;a++)t[a+2]++});for(let i=0;i<e;i++)t[i+2]+=t[i+1];let n=new Float64Array(t[e+1]),o=new Int8Array(n.length);return Zo(s,e,(i,r,[a,l],[d,h],m)=>{for(let p=i;p<r;p++){let f=t[p+1]++;n[f]=a+(p-l)*(d-a)/(h-l),o[f]=m}}),{xs:n,turns:o,starts:t}}function Zo(s,e,t){for(let n=0;n<s.length;n++){let[o,i]=[s[n],s[(n+1)%s.length]],r=o[1]<i[1],[a,l]=r?[o,i]:[i,o],d=Math.max(0,Math.ceil(a[1])),h=Math.min(e,Math.ceil(l[1]));d<h&&t(d,h,a,l,r?1:-1)}}function Jr(s,e,t,n){for(let o=t+1;o<n;o++){let[i,r]=[s[o],e[o]],a=o;for(;a>t&&s[a-1]>i;a--)s[a]=s[a-1],e[a]=e[a-1];s[a]=i,e[a]=r}}function Yr(s,e,t,n,o){let[i,r]=[s-t[0],e-t[1]],a=n*n+o*o,l=a>0?Math.min(1,Math.max(0,(i*n+r*o)/a)):0;return(i-l*n)**2+(r-l*o)**2}var $n=class{low=1/0;high=-1/0;add(e){this.low=Math.min(this.low,e),this.high=Math.max(this.high,e)}};function Qo(s,e,t,n){let o=Math.sqrt(t*t-(n-e[1])**2);o>=0&&(s.add(e[0]-o),s.add(e[0]+o))}function Xo(s,e,t,n,o,i){let r=(i-t)/o;r>=0&&r<=1&&s.add(e+r*n)}var nt=class{values;size=0;constructor(e){this.values=new Int32Array(3*e)}add(e,t,n){t>=n||(this.values[this.size++]=e,this.values[this.size++]=t,this.values[this.size++]=n)}all(){return this.values.subarray(0,this.size)}};function ns(...s){for(let e of s)if(!Number.isFinite(e))throw new RangeError(`a shape has finite numbers, got ${e}`)}var st={x0:0,y0:0,x1:0,y1:0},N=class s{width;height;x0;y0;x1;y1;written;knownRuns=null;countedArea=-1;constructor(e,t,n,o){this.width=e,this.height=t,this.x0=n.x0,this.y0=n.y0,this.x1=n.x1,this.y1=n.y1,this.written=o}static empty(e,t){return tt(e*t),new s(e,t,st,new Uint8Array(0))}static fromRuns({size:[e,t],counts:n}){let o=Jo(n,t*e),i=new s(t,e,Zr(o,e),null);return i.knownRuns=o,i}static fromBits(e,t,n,o){tt(e*t);let i=n.x1-n.x0;if(n.x0<0||n.y0<0||n.x1>e||n.y1>t||o.length!==i*(n.y1-n.y0))throw new RangeError(`the bits are not of a part of an image of ${e} x ${t} pixels`);return s.trimmed(e,t,n,o)}get bits(){return this.written??=Qr(this.knownRuns,this.height,this),this.written}get runs(){return this.knownRuns}toRuns(){return this.knownRuns??=this.countedRuns(),{size:[this.height,this.width],counts:Yo(this.knownRuns)}}countedRuns(){let e=Xr(this),t=[],n=0;for(let o=0;o<e.length;o++)o%2===1&&e[o]===e[o+1]?o++:(t.push(e[o]-n),n=e[o]);return n<this.width*this.height&&t.push(this.width*this.height-n),Int32Array.from(t)}get area(){if(this.countedArea<0){let{knownRuns:e}=this,t=0;if(e!==null)for(let n=1;n<e.length;n+=2)t+=e[n];else{let{bits:n}=this;for(let o=0,i=n.length;o<i;o++)t+=n[o]}this.countedArea=t}return this.countedArea}get isEmpty(){return this.x0===this.x1}get box(){return this.isEmpty?null:[this.x0,this.y0,this.x1,this.y1]}has(e,t){return e<this.x0||t<this.y0||e>=this.x1||t>=this.y1?!1:this.bits[(t-this.y0)*(this.x1-this.x0)+e-this.x0]===1}equals(e){return this.isLike(e)&&Kn(this,e)&&this.bits.every((t,n)=>t===e.bits[n])}union(e){if(this.checkLike(e),e.isEmpty)return this;if(this.isEmpty)return e;let t=is(this,e),n=this.bitsIn(t),o=e.bits;return Be(t,e,e,(i,r,a)=>{for(let l=0;l<a;l++)n[i+l]|=o[r+l]}),new s(this.width,this.height,t,n)}subtract(e){this.checkLike(e);let t=ot(this,e);if(t===null)return this;let n=this.bits.slice(),o=e.bits;return Be(this,e,t,(i,r,a)=>{for(let l=0;l<a;l++)n[i+l]&=1-o[r+l]}),s.trimmed(this.width,this.height,this,n)}overlap(e){this.checkLike(e);let t=ot(this,e);if(t===null)return 0;let[n,o]=[this.bits,e.bits],i=0;return Be(this,e,t,(r,a,l)=>{let d=0;for(let h=0;h<l;h++)d+=n[r+h]&o[a+h];i+=d}),i}iou(e){let t=this.overlap(e),n=this.area+e.area-t;return n===0?1:t/n}withPolygon(e,t){return this.painted(ts(e,this.width,this.height),t)}components(){return et(this.bits,this.x1-this.x0,this.y1-this.y0).map(t=>new s(this.width,this.height,na(t,this.x0,this.y0),t.bits))}filled(e=1/0){return this.isEmpty?this:new s(this.width,this.height,this,Uo(this.bits,this.x1-this.x0,this.y1-this.y0,e))}smoothed(e){if(!(e>=0&&e<=os))throw new RangeError(`a radius is from 0 to ${os}, got ${e}`);if(this.isEmpty)return this;let t=Math.floor(e)+1,n={x0:Math.max(0,this.x0-t),y0:Math.max(0,this.y0-t),x1:Math.min(this.width,this.x1+t),y1:Math.min(this.height,this.y1+t)},o=_o(this.bitsIn(n),n.x1-n.x0,n.y1-n.y0,e);return s.trimmed(this.width,this.height,n,o)}painted(e,t){let n=ea(e),o=t?n:ot(this,n);if(o===null||e.length===0)return this;let i=t&&!this.isEmpty?is(this,o):t?o:this,r=this.bitsIn(i),a=i.x1-i.x0;for(let l=0;l<e.length;l+=3){let d=e[l];if(d<o.y0||d>=o.y1)continue;let h=(d-i.y0)*a-i.x0;r.fill(t?1:0,h+Math.max(o.x0,e[l+1]),h+Math.max(o.x0,Math.min(o.x1,e[l+2])))}return t?new s(this.width,this.height,i,r):s.trimmed(this.width,this.height,i,r)}bitsIn(e){if(Kn(e,this))return this.bits.slice();let t=new Uint8Array((e.x1-e.x0)*(e.y1-e.y0)),n=ot(this,e);return n!==null&&Be(e,this,n,(o,i,r)=>t.set(this.bits.subarray(i,i+r),o)),t}isLike(e){return this.width===e.width&&this.height===e.height}checkLike(e){if(!this.isLike(e))throw new RangeError(`masks of one image are expected, got ${this.width} x ${this.height} and ${e.width} x ${e.height}`)}static trimmed(e,t,n,o){let i=ta(n,o);if(Kn(i,n))return new s(e,t,n,o);let r=new Uint8Array((i.x1-i.x0)*(i.y1-i.y0));return Be(i,n,i,(a,l,d)=>r.set(o.subarray(l,l+d),a)),new s(e,t,i,r)}},os=100;function Zr(s,e){let[t,n,o,i]=[1/0,e,0,0],r=0;for(let a=0;a<s.length;a++){let l=r+s[a];if(a%2===1&&r<l){let d=Math.floor(r/e),h=Math.floor((l-1)/e);t=Math.min(t,d),o=h+1,n=d<h?0:Math.min(n,r-d*e),i=d<h?e:Math.max(i,l-d*e)}r=l}return o===0?st:{x0:t,y0:n,x1:o,y1:i}}function Qr(s,e,t){let[n,o]=[t.y1-t.y0,t.x1-t.x0],i=new Uint8Array(n*o),r=0;for(let a=0;a<s.length;a++){let l=r+s[a];for(let d=r;a%2===1&&d<l;){let h=Math.floor(d/e),m=h*e+t.y0,p=Math.min(l,(h+1)*e);i[(d-m)*o+h-t.x0]^=1,p-m<n&&(i[(p-m)*o+h-t.x0]^=1),d=p}r=l}for(let a=o;a<i.length;a++)i[a]^=i[a-o];return i}function Xr({bits:s,height:e,x0:t,y0:n,x1:o,y1:i}){let[r,a]=[i-n,o-t],l=new Int32Array(a+1);ss(s,a,r,h=>l[h+1]++);for(let h=0;h<a;h++)l[h+1]+=l[h];let d=new Int32Array(l[a]);return ss(s,a,r,(h,m)=>d[l[h]++]=(h+t)*e+m+n),d}function ss(s,e,t,n){for(let i=0;i<e;i++)s[i]&&n(i,0);for(let i=1;i<t;i++){let r=i*e;for(let a=0;a<e;a++)s[r+a]!==s[r+a-e]&&n(a,i)}let o=(t-1)*e;for(let i=0;i<e;i++)s[o+i]&&n(i,t)}function ea(s){if(s.length===0)return st;let[e,t]=[1/0,0];for(let n=0;n<s.length;n+=3)e=Math.min(e,s[n+1]),t=Math.max(t,s[n+2]);return{x0:e,y0:s[0],x1:t,y1:s[s.length-3]+1}}function ta({x0:s,y0:e,x1:t},n){let o=t-s,i=n.indexOf(1);if(i===-1)return st;let r=Math.floor(i/o),a=Math.floor(n.lastIndexOf(1)/o)+1,l=m=>{for(let p=r;p<a;p++)if(n[p*o+m])return!0;return!1},[d,h]=[0,o];for(;!l(d);)d++;for(;!l(h-1);)h--;return{x0:s+d,y0:e+r,x1:s+h,y1:e+a}}function Be(s,e,t,n){for(let o=t.y0;o<t.y1;o++){let i=(o-s.y0)*(s.x1-s.x0)+t.x0-s.x0,r=(o-e.y0)*(e.x1-e.x0)+t.x0-e.x0;n(i,r,t.x1-t.x0)}}function Kn(s,e){return s.x0===e.x0&&s.y0===e.y0&&s.x1===e.x1&&s.y1===e.y1}function is(s,e){return{x0:Math.min(s.x0,e.x0),y0:Math.min(s.y0,e.y0),x1:Math.max(s.x1,e.x1),y1:Math.max(s.y1,e.y1)}}function ot(s,e){let t={x0:Math.max(s.x0,e.x0),y0:Math.max(s.y0,e.y0),x1:Math.min(s.x1,e.x1),y1:Math.min(s.y1,e.y1)};return t.x0<t.x1&&t.y0<t.y1?t:null}function na(s,e,t){return{x0:s.x0+e,y0:s.y0+t,x1:s.x1+e,y1:s.y1+t}}var rs=new WeakMap;function T(s){return rs.get(s)??as(N.fromRuns(s),s)}function ge(s){let e=s.toRuns();return as(s,e),e}function as(s,e){return rs.set(e,s),s}var K=class{listeners=new Map;on(e,t){let n=this.listeners.get(e)??new Set;this.listeners.set(e,n);let o=i=>t(i);return n.add(o),()=>n.delete(o)}emit(e,t){let n=this.listeners.get(e);for(let o of[...n??[]])n?.has(o)&&it(o,t)}};function it(s,e){try{s(e)}catch(t){queueMicrotask(()=>{throw t})}}function Un(s,e){let[t,n]=[Math.max(s.x,e.x),Math.max(s.y,e.y)],o=Math.min(s.x+s.width,e.x+e.width)-t,i=Math.min(s.y+s.height,e.y+e.height)-n;return o>0&&i>0?{x:t,y:n,width:o,height:i}:null}function Vn(s,e){return s.x<=e.x&&s.y<=e.y&&s.x+s.width>=e.x+e.width&&s.y+s.height>=e.y+e.height}function De(s,e){let t=[];for(let n=0;n<s.height;n+=e)for(let o=0;o<s.width;o+=e){let[i,r]=[Math.min(e,s.width-o),Math.min(e,s.height-n)];t.push({x:s.x+o,y:s.y+n,width:i,height:r})}return t}function ls(s,e,t,n){if(Math.abs(t)>=s||Math.abs(n)>=e)return[{x:0,y:0,width:s,height:e}];let o=[];return n!==0&&o.push({x:0,y:n>0?0:e+n,width:s,height:Math.abs(n)}),t!==0&&o.push({x:t>0?0:s+t,y:Math.max(0,n),width:Math.abs(t),height:e-Math.abs(n)}),o}var oa=256,sa=512,Ne=class{canvas;#e;#t;#n={scale:1,left:0,top:0};#o=[];#s=[];#i=!1;constructor(e,t){this.canvas=e.createElement("canvas"),this.canvas.style.cssText="position:absolute;left:0;top:0;width:100%;height:100%;";let n=this.canvas.getContext("2d");if(n===null)throw new Error("the browser gives no 2D canvas");this.#e=n,this.#t=t}set hidden(e){e!==this.#i&&(this.#i=e,this.canvas.style.display=e?"none":"block",this.invalidateAll())}get context(){return this.#e}get view(){return this.#n}get clean(){return this.#i||this.#o.length===0&&this.#s.length===0}get#r(){return this.#t.block??oa}get#l(){return{x:0,y:0,width:this.canvas.width,height:this.canvas.height}}lie(e,t,n){let{canvas:o}=this;this.#o.push(...this.#s.splice(0)),o.width!==t||o.height!==n?(o.width=t,o.height=n,this.invalidateAll()):this.#i?this.invalidateAll():e.scale===this.#n.scale?this.#c(this.#n.left-e.left,this.#n.top-e.top):(this.#d(e),this.invalidateAll()),this.#n=e}invalidateAll(){this.#o=De(this.#l,this.#r)}invalidate(e,t,n=!1){let o=Un(this.areaOf(e,t),this.#l);if(o!==null){if(n){this.#s.push(...De(o,this.#r));return}if(this.#o.length>sa){this.invalidateAll();return}this.#o.some(i=>Vn(i,o))||(this.#o=this.#o.filter(i=>!Vn(o,i)),this.#o.push(...De(o,this.#r)))}}areaOf([e,t,n,o],i){let{scale:r,left:a,top:l}=this.#n,[d,h]=[Math.floor(e*r-a-i),Math.floor(t*r-l-i)];return{x:d,y:h,width:Math.ceil(n*r-a+i)-d,height:Math.ceil(o*r-l+i)-h}}paintNext(e,t,n=1/0){let[o,i]=[-1,1/0];this.#o.forEach((a,l)=>{let d=Math.hypot(a.x+a.width/2-e,a.y+a.height/2-t);d<i&&([o,i]=[l,d])});let r=this.#o[o];return r===void 0||this.#t.prepare?.(this.#n,r,n)===!1?0:(this.#o.splice(o,1),this.#a(r),r.width*r.height)}paintUrgent(){let e=this.#s.splice(0);for(let t of e)this.#a(t);return e.reduce((t,{width:n,height:o})=>t+n*o,0)}paintAll(){for(this.paintUrgent();this.paintNext(0,0)>0;);}#a(e){let t=this.#e;t.save(),t.setTransform(1,0,0,1,0,0),t.beginPath(),t.rect(e.x,e.y,e.width,e.height),t.clip(),t.clearRect(e.x,e.y,e.width,e.height),this.#t.paint(t,this.#n,e),t.restore()}#c(e,t){if(e===0&&t===0)return;let{width:n,height:o}=this.canvas;this.#u(1,e,t);let i=this.#o.map(r=>Un({...r,x:r.x+e,y:r.y+t},this.#l));this.#o=i.filter(r=>r!==null);for(let r of ls(n,o,e,t))this.#o.push(...De(r,this.#r))}#d(e){let{scale:t,left:n,top:o}=this.#n,i=e.scale/t;this.#u(i,n*i-e.left,o*i-e.top)}#u(e,t,n){let o=this.#e;o.save(),o.setTransform(e,0,0,e,t,n),o.globalCompositeOperation="copy",o.imageSmoothingEnabled=e<1,o.drawImage(this.canvas,0,0),o.restore()}};var rt=class{#e=5e5;#t=-1/0;#n=0;begin(e){let t=e-this.#t;return this.#n>0&&t<1e3&&(t>20?this.#e=Math.max(1,Math.min(this.#e,this.#n)/2):this.#n>=this.#e&&(this.#e=Math.min(8e6,this.#e*1.5+5e4))),this.#t=e,this.#n=0,this.#e}end(e){this.#n=e}};function us(s,e,t){let n=ra(s,e,t),{ends:o,starts:i}=da(n,t),r=new Int32Array(n.count);ds(o,i,t.y0,(d,h,m)=>{cs(n,d,m)?r[d]=h:r[h]=d});let a=[],l=new Uint8Array(n.count);return ds(o,i,t.y0,(d,h,m)=>{!l[d]&&cs(n,d,m)&&a.push(ia(d,n,r,l))}),a}function cs(s,e,t){return t===(s.ups[e]?s.tops[e]:s.bottoms[e])}function ia(s,{xs:e,tops:t,bottoms:n,ups:o},i,r){let a=[],l=s;do{r[l]=1;let d=e[l]-.5;l!==s&&a.push(d,(o[l]?n[l]:t[l])-.5),a.push(d,(o[l]?t[l]:n[l])-.5),l=i[l]}while(l!==s);return a.push(e[s]-.5,(o[s]?n[s]:t[s])-.5),Float32Array.from(a)}function ra(s,e,{x0:t,x1:n}){let o=2*s.length+2*(n-t)+2,i={count:0,xs:new Int32Array(o),tops:new Int32Array(o),bottoms:new Int32Array(o),ups:new Uint8Array(o)},r=new Int32Array(64),a=0,l=new Int32Array(64),d=0,h=t,m=()=>{la(i,h,r,a,l,d),[r,l]=[l,r],[a,d]=[d,0],h++},p=0;for(let f=0;f<s.length;f++){let g=p+s[f];for(let b=p;f%2===1&&b<g;){let k=Math.floor(b/e);for(;h<k;)m();let O=Math.min(g,(k+1)*e);d>0&&l[d-1]===b-k*e?l[d-1]=O-k*e:(d+2>l.length&&(l=aa(l)),l[d++]=b-k*e,l[d++]=O-k*e),b=O}p=g}return m(),m(),i}function aa(s){let e=new Int32Array(2*s.length);return e.set(s),e}function la(s,e,t,n,o,i){let[r,a]=[0,0],l=0;for(;r<n||a<i;){let d=Math.min(r<n?t[r]:1/0,a<i?o[a]:1/0),h=a%2-r%2;r<n&&t[r]===d&&r++,a<i&&o[a]===d&&a++,a%2-r%2!==h&&(h!==0&&ca(s,e,l,d,h>0),l=d)}}function ca(s,e,t,n,o){let{count:i}=s;s.xs[i]=e,s.tops[i]=t,s.bottoms[i]=n,s.ups[i]=o?1:0,s.count++}function da(s,{y0:e,y1:t}){let{count:n,xs:o,tops:i,bottoms:r,ups:a}=s,l=new Int32Array(t-e+3);for(let h=0;h<n;h++)l[i[h]-e+2]++,l[r[h]-e+2]++;for(let h=0;h<t-e+2;h++)l[h+1]+=l[h];let d=new Int32Array(2*n);for(let h=0;h<n;h++){let m=l[i[h]-e+1]++,p=h-1;d[m]=h,p>=0&&o[p]===o[h]&&r[p]===i[h]&&!a[p]&&(d[m-1]=h,d[m]=p),d[l[r[h]-e+1]++]=h}return{ends:d,starts:l}}function ds(s,e,t,n){for(let o=0;o+1<e.length;o++)for(let i=e[o];i<e[o+1];i+=2)n(s[i],s[i+1],t+o)}function hs(s){return s.runs===null?ua(s):us(s.runs,s.height,s)}function ua(s){let e=s.x1-s.x0+2,t=s.y1-s.y0+2,n=fa(s,e,t),o=[];for(let i=1;i<t-1;i++)for(let r=i*e+1,a=(i+1)*e-1;r<a;r++)n[r]===ha&&n[r-e]===Wn&&o.push(pa(n,e,r,s.x0-1.5,s.y0-1.5));return o}var Wn=0,ha=1,ma=2;function pa(s,e,t,n,o){let i=[],r=[1,e,-1,-e],a=[-e,0,-1,-e-1],l=[0,-1,-e-1,-e],d=t,h=0;do{i.push(d%e+n,Math.floor(d/e)+o);let m=h;for(;h===m;)h===0&&(s[d]=ma),d+=r[h],s[d+a[h]]!==Wn?h=(h+3)%4:s[d+l[h]]===Wn&&(h=(h+1)%4)}while(d!==t||h!==0);return Float32Array.from(i)}function fa(s,e,t){let n=new Uint8Array(e*t);for(let o=1;o<t-1;o++){let i=(o-1)*(e-2);n.set(s.bits.subarray(i,i+e-2),o*e+1)}return n}var ga=12,ba=.6,fs=256;function Gn(s){return Math.min(ga,Math.max(0,Math.floor(Math.log2(1/s))))}var _n=class{bitmap;box;#e;#t=new Map;constructor(e){this.bitmap=e,this.box=e.box}has(e){return this.#t.has(e)}paths(e){let t=this.#t.get(e);return t===void 0&&(this.#e??=hs(this.bitmap),t=va(e===0?this.#e:this.#e.map(n=>ya(n,ba*2**e))),this.#t.set(e,t)),t}},ms=new WeakMap;function $(s){let e=ms.get(s);return e===void 0&&ms.set(s,e=new _n(s)),e}function ya(s,e){let[t,n]=[s.length,e*e];if(t<=6)return s;let o=new Float32Array(t),i=0,[r,a]=[1/0,1/0];for(let d=0;d<t;d+=2){let[h,m]=[s[d]-r,s[d+1]-a];i>0&&h*h+m*m<n||(o[i]=r=s[d],o[i+1]=a=s[d+1],i+=2)}if(i>=6)return o.slice(0,i);let l=2*Math.floor(t/6);return Float32Array.of(s[0],s[1],s[l],s[l+1],s[2*l],s[2*l+1])}function va(s){let e=new Path2D,t=[];for(let n of s)if(!(n.length<6)){e.moveTo(n[0]+.5,n[1]+.5);for(let o=2;o<n.length;o+=2)e.lineTo(n[o]+.5,n[o+1]+.5);e.closePath();for(let o=0;o<n.length;o+=2*fs)t.push(wa(n,o))}return{fill:e,outline:t}}function wa(s,e){let t=new Path2D,[n,o,i,r]=[1/0,1/0,-1/0,-1/0],a=Math.min(e+2*fs,s.length);for(let l=e;l<=a;l+=2){let d=l%s.length,[h,m]=[s[d]+.5,s[d+1]+.5];l===e?t.moveTo(h,m):d===0&&e===0?t.closePath():t.lineTo(h,m),[n,o,i,r]=[Math.min(n,h),Math.min(o,m),Math.max(i,h),Math.max(r,m)]}return{box:[n,o,i,r],path:t}}var ka=5;function Jn(s,{scale:e,left:t,top:n}){s.setTransform(e,0,0,e,-t,-n)}function Q(s,e,t,n,o,i){if(n.box===null)return;let{scale:r,left:a,top:l}=e,d=((o.cased===!0?2:0)+o.line)*i+1,h=[(t.x+a-d)/r,(t.y+l-d)/r,(t.x+t.width+a+d)/r,(t.y+t.height+l+d)/r];if(!at(n.box,h))return;let[m,p,f,g]=n.box;if(Jn(s,e),Math.max(f-m,g-p)*r<ka&&o.cased!==!0){Ma(s,n.box,o,r);return}let b=n.paths(Gn(r));o.fill>0&&(s.globalAlpha=o.fill,s.fillStyle=o.color,s.fill(b.fill,"evenodd")),o.line>0&&xa(s,b,h,o,i/r),s.globalAlpha=1}function xa(s,{outline:e},t,n,o){let i=e.filter(({box:r})=>at(r,t));s.globalAlpha=1,s.lineJoin="bevel",s.lineCap=n.dashed===!0?"butt":"square",n.cased===!0&&ps(s,i,Sa(n.color)?"#101418":"#ffffff",(n.line+2.5)*o),n.dashed===!0&&s.setLineDash([5*o,4*o]),ps(s,i,n.color,n.line*o),s.setLineDash([])}function Sa(s){let[e,t,n]=[1,3,5].map(o=>parseInt(s.slice(o,o+2),16));return .299*e+.587*t+.114*n>140}function ps(s,e,t,n){s.strokeStyle=t,s.lineWidth=n;for(let{path:o}of e)s.stroke(o)}function Ma(s,[e,t,n,o],i,r){let[a,l]=[Math.max(n-e,1.5/r),Math.max(o-t,1.5/r)];s.globalAlpha=.9,s.fillStyle=i.color,s.fillRect(e,t,a,l),s.globalAlpha=1}function at(s,e){return s[0]<e[2]&&s[2]>e[0]&&s[1]<e[3]&&s[3]>e[1]}function bs(s,e){return{...s,async load(t,n,o,i){let r=await fetch(e({level:t,column:n,row:o}),{signal:i,credentials:"same-origin"});if(!r.ok)throw new Error(`tile ${t}/${n}/${o}: the server answered ${r.status}`);return createImageBitmap(await r.blob())}}}function ye(s,e){return Math.min(e-1,Math.max(0,Math.floor(Math.log2(1/s))))}function ze(s,e,t,n){let o=t*2**e,[i,r]=[Math.ceil(n.width/o),Math.ceil(n.height/o)],[a,l]=[Math.max(0,Math.floor(s[0]/o)),Math.min(i,Math.ceil(s[2]/o))],[d,h]=[Math.max(0,Math.floor(s[1]/o)),Math.min(r,Math.ceil(s[3]/o))],m=[];for(let p=d;p<h;p++)for(let f=a;f<l;f++)m.push({level:e,column:f,row:p});return m}var lt=class{source;image;#e=new Map;#t=new Map;#n=new Map;#o;#s;#i=[];#r=0;#l=!1;constructor(e,t,n,o=201326592){this.source=e,this.image=t,this.#o=n,this.#s=o}get bytes(){return this.#r}get complete(){return this.#t.size===0&&this.#a()===void 0}get(e){let t=be(e),n=this.#e.get(t);return n!==void 0&&(this.#e.delete(t),this.#e.set(t,n)),n}want(e,t,n){let{size:o,levels:i}=this.source,r=o*2**t,a=({column:m,row:p})=>Math.hypot((m+.5)*r-n[0],(p+.5)*r-n[1]),l=ze(e,t,o,this.image).sort((m,p)=>a(m)-a(p)),d={level:i-1,column:0,row:0};this.#i=t===i-1?[d]:[d,...l];let h=new Set(this.#i.map(be));for(let[m,p]of this.#t)h.has(m)||(p.abort(),this.#t.delete(m));this.#c()}close(){this.#l=!0;for(let e of this.#t.values())e.abort();for(let e of this.#e.values())e.close();this.#t.clear(),this.#e.clear(),this.#r=0}#a(){let e=performance.now();return this.#i.find(t=>{let n=be(t),o=this.#n.get(n);return(o===void 0||o.tries<4&&o.again<=e)&&!this.#e.has(n)&&!this.#t.has(n)})}#c(){for(;this.#t.size<6&&!this.#l;){let e=this.#a();if(e===void 0)return;let t=new AbortController;this.#t.set(be(e),t),this.#d(e,t)}}async#d(e,t){let n=be(e);try{let o=await this.source.load(e.level,e.column,e.row,t.signal);if(t.signal.aborted){o.close();return}this.#n.delete(n),this.#u(n,o),this.#t.delete(n),this.#o(e)}catch{if(t.signal.aborted)return;this.#t.delete(n),this.#m(n)}this.#c()}#u(e,t){this.#e.set(e,t),this.#r+=gs(t);let n=new Set(this.#i.map(be));for(let[o,i]of this.#e){if(this.#r<=this.#s)return;n.has(o)||(this.#e.delete(o),this.#r-=gs(i),i.close())}}#m(e){let t=(this.#n.get(e)?.tries??0)+1,n=500*2**(t-1);this.#n.set(e,{tries:t,again:performance.now()+n}),t<4&&setTimeout(()=>this.#c(),n+1)}};function be({level:s,column:e,row:t}){return`${s}/${e}/${t}`}function gs(s){return s.width*s.height*4}var ys=4,Yn=class{tiles=null;picture=null;paint(e,t,n){let{tiles:o}=this;if(this.picture!==null&&Ta(e,t,this.picture),o===null)return;let i=ye(t.scale,o.source.levels);e.imageSmoothingEnabled=t.scale<ys;for(let r of ze(vs(t,n),i,o.source.size,o.image))this.#e(e,t,o,r)}#e(e,t,n,o){let i=ct(n,o),[r,a]=[Math.round(i[0]*t.scale-t.left),Math.round(i[1]*t.scale-t.top)],[l,d]=[Math.round(i[2]*t.scale-t.left),Math.round(i[3]*t.scale-t.top)];for(let h=o.level;h<n.source.levels;h++){let m=2**(h-o.level),p={level:h,column:Math.floor(o.column/m),row:Math.floor(o.row/m)},f=n.get(p);if(f===void 0)continue;let g=ct(n,p),[b,k]=[f.width/(g[2]-g[0]),f.height/(g[3]-g[1])],[O,x]=[(i[0]-g[0])*b,(i[1]-g[1])*k];e.drawImage(f,O,x,(i[2]-i[0])*b,(i[3]-i[1])*k,r,a,l-r,d-a);return}}};function Ta(s,e,{bitmap:t,width:n,height:o}){s.imageSmoothingEnabled=e.scale<ys;let[i,r]=[Math.round(-e.left),Math.round(-e.top)];s.drawImage(t,i,r,Math.round(n*e.scale-e.left)-i,Math.round(o*e.scale-e.top)-r)}function ct({source:s,image:e},{level:t,column:n,row:o}){let i=s.size*2**t;return[n*i,o*i,Math.min(e.width,(n+1)*i),Math.min(e.height,(o+1)*i)]}function vs({scale:s,left:e,top:t},{x:n,y:o,width:i,height:r}){return[(n+e)/s,(o+t)/s,(n+i+e)/s,(o+r+t)/s]}var Zn=class{objects=[];proposals=[];lifted=null;ratio=1;prepare(e,t,n){let o=Gn(e.scale),i=vs(e,t);for(let r of this.#e())if(!(r.box===null||r.has(o)||!at(r.box,i))){if(performance.now()>n)return!1;r.paths(o)}return!0}paint(e,t,n){for(let{uid:o,bitmap:i,color:r,hidden:a}of this.objects)a===!0||o===this.lifted||Q(e,t,n,$(i),{color:r,fill:.4,line:1.5},this.ratio);for(let{bitmap:o,color:i}of this.proposals)Q(e,t,n,$(o),{color:i,fill:.15,line:1.5},this.ratio)}*#e(){for(let{bitmap:e,hidden:t}of this.objects)t!==!0&&(yield $(e));for(let{bitmap:e}of this.proposals)yield $(e)}},dt=class{image=new Yn;objects=new Zn;prepare(e,t,n){return this.objects.prepare(e,t,n)}paint(e,t,n){this.image.paint(e,t,n),this.objects.paint(e,t,n)}},ws={preview:{fill:.3,line:1.5,cased:!0,dashed:!0},draft:{fill:.45,line:2,cased:!0},edit:{fill:.45,line:2,cased:!0}};function ks({path:s,radius:e}){let[t,n]=[s.map(([r])=>r),s.map(([,r])=>r)],o=r=>r.reduce((a,l)=>Math.min(a,l),1/0)-e,i=r=>r.reduce((a,l)=>Math.max(a,l),-1/0)+e+1;return[o(t),o(n),i(t),i(n)]}var ut=class{block=1/0;selected=[];hovered=null;draft=null;stroke=null;ratio=1;get isEmpty(){return this.selected.length===0&&this.hovered===null&&this.draft===null&&this.stroke===null}paint(e,t,n){for(let{bitmap:o,color:i}of this.selected)Q(e,t,n,$(o),{color:i,fill:0,line:2,cased:!0},this.ratio);if(this.hovered!==null){let{bitmap:o,color:i}=this.hovered;Q(e,t,n,$(o),{color:i,fill:.25,line:2.5},this.ratio)}if(this.draft!==null){let{shape:o,style:i}=this.draft;Q(e,t,n,o,{...ws[i.kind],color:i.color},this.ratio)}this.stroke!==null&&Qn(e,t,this.stroke,0)}};function Qn(s,e,t,n){let o=t.path.slice(Math.max(0,n-1)),[i,...r]=o;if(i===void 0)return;Jn(s,e);let a=new Path2D;a.moveTo(i[0]+.5,i[1]+.5),a.lineTo(i[0]+.5,i[1]+.5);for(let[l,d]of r)a.lineTo(l+.5,d+.5);s.lineWidth=2*t.radius,s.lineCap=s.lineJoin="round",s.strokeStyle=t.color,s.globalCompositeOperation="destination-out",s.stroke(a),s.globalCompositeOperation="source-over",!t.erases&&(s.globalAlpha=ws.edit.fill,s.stroke(a),s.globalAlpha=1)}var ht=class{element;#e;#t={scale:0,left:0,top:0};#n=0;#o=0;#s=1;constructor(e,t){this.element=e.createElement("div"),this.element.style.cssText="position:absolute;left:0;top:0;transform-origin:0 0;will-change:transform;",this.element.append(...t.map(n=>n.canvas)),this.#e=t}middle(e){let t=e.scale*e.ratio/this.#t.scale,{screen:n,ratio:o,left:i,top:r}=e,[a,l]=[(n.width/2-i)*o/t,(n.height/2-r)*o/t];return[a-this.#t.left,l-this.#t.top]}follow(e,t){let n=ja(e),o=Math.ceil(e.screen.width*e.ratio)+2*n,i=Math.ceil(e.screen.height*e.ratio)+2*n,a=o!==this.#n||i!==this.#o||e.ratio!==this.#s||!this.#i(e,n,t);return a&&this.#r(e,n,o,i),this.#l(e),a}#i(e,t,n){let o=e.scale*e.ratio,i=o/this.#t.scale;if(i!==1&&(n||i>2||i<1/2))return!1;let{image:r,screen:a,ratio:l}=e,d=i===1?t*(1-.5):0,h=Math.max(0,-e.left*l-d)/i,m=Math.max(0,-e.top*l-d)/i,p=Math.min(r.width*o,(a.width-e.left)*l+d)/i,f=Math.min(r.height*o,(a.height-e.top)*l+d)/i,g=this.#t;return h>=g.left&&m>=g.top&&p<=g.left+this.#n&&f<=g.top+this.#o}#r(e,t,n,o){let i=Math.round(-e.left*e.ratio)-t,r=Math.round(-e.top*e.ratio)-t;this.#t={scale:e.scale*e.ratio,left:i,top:r},this.#n=n,this.#o=o,this.#s=e.ratio,this.element.style.width=`${n/e.ratio}px`,this.element.style.height=`${o/e.ratio}px`;for(let a of this.#e)a.lie(this.#t,n,o)}#l(e){let{ratio:t,scale:n}=e,o=n*t/this.#t.scale,i=Math.round(e.left*t+this.#t.left*o)/t,r=Math.round(e.top*t+this.#t.top*o)/t;this.element.style.transform=`translate(${i}px,${r}px)`+(o===1?"":` scale(${o})`)}};function ja({screen:s,ratio:e}){let t=s.width*s.height*e*e>8e6;return Math.round((t?128:256)*e)}var Xn=90,Ea=5,Oa=12,Aa=15e4,Pa=6,Ia=32,mt=class{scene=new dt;overlay=new ut;sceneLayer;overlayLayer;#e;#t;#n;#o=new rt;#s={scale:1,at:-1/0};#i=-1/0;#r;constructor(e,t,n){this.#t=t,this.#n=n,this.sceneLayer=new Ne(e,this.scene),this.overlayLayer=new Ne(e,this.overlay),this.#e=new ht(e,[this.sceneLayer,this.overlayLayer])}get element(){return this.#e.element}get settled(){let{scale:e,ratio:t}=this.#t;return[this.sceneLayer,this.overlayLayer].every(({clean:o,view:i})=>o&&i.scale===e*t)&&this.scene.image.tiles?.complete!==!1}get room(){return Pa*this.#t.ratio}set ratio(e){this.scene.objects.ratio=this.overlay.ratio=e}changed(e,t){let n=t.length<=Ia;for(let{bitmap:o}of t)o.box!==null&&e.invalidate(o.box,this.room,n);this.#n()}changedAll(){for(let e of[this.sceneLayer,this.overlayLayer])e.invalidateAll();this.#s.at=-1/0,this.#n()}viewChanged(){this.#i=performance.now(),this.#t.scale!==this.#s.scale&&(this.#s={scale:this.#t.scale,at:this.#i}),this.#n()}paint(e){this.overlayLayer.hidden=this.overlay.isEmpty;let t=e-this.#s.at>Xn,n=this.#e.follow(this.#t,t);return t||this.#l(),this.#a(),this.#c(e,n),this.sceneLayer.clean}close(){clearTimeout(this.#r),this.scene.image.tiles?.close()}#l(){clearTimeout(this.#r),this.#r=setTimeout(this.#n,Xn+1)}#a(){let{tiles:e}=this.scene.image;if(e===null)return;let{visible:t,scale:n,ratio:o}=this.#t,[i,r,a,l]=t,[d,h]=[(a-i)/4,(l-r)/4],m=[i-d,r-h,a+d,l+h];e.want(m,ye(n*o,e.source.levels),[(i+a)/2,(r+l)/2])}#c(e,t){let n=this.#o.begin(e),o=e-this.#i<Xn,i=t?0:o?Math.min(n,Aa):n,r=performance.now()+(o?Ea:Oa),[a,l]=this.#e.middle(this.#t),d=this.sceneLayer.paintUrgent();this.scene.image.tiles===null&&this.sceneLayer.paintAll();for(let h=1;h>0&&d<i;d+=h)h=this.sceneLayer.paintNext(a,l,r);this.overlay.isEmpty||this.overlayLayer.paintAll(),this.#o.end(d)}};function eo(s){return s.deltaMode!==0?!0:s.deltaX===0&&Math.abs(s.deltaY)>=100&&Number.isInteger(s.deltaY)}function Ms(s){return eo(s)?s.deltaY<0?1.25:.8:Math.exp(-Math.max(-50,Math.min(50,s.deltaY))/100)}function Ts(s,e){let[t,n]=[xs(s),xs(e)];return{factor:Math.max(1,Ss(e))/Math.max(1,Ss(s)),at:n,by:[n[0]-t[0],n[1]-t[1]]}}function xs([s,e]){return[(s[0]+e[0])/2,(s[1]+e[1])/2]}function Ss([s,e]){return Math.hypot(s[0]-e[0],s[1]-e[1])}var La=4,Ca=32,pt=48,Ra=500,Ba=8,Da={ArrowLeft:[-1,0],ArrowRight:[1,0],ArrowUp:[0,-1],ArrowDown:[0,1]},ft=class{#e;#t;#n;#o;#s=new AbortController;pans=!1;keysDrag=!1;#i=null;#r=new Map;#l=null;#a=!1;#c;#d={held:!1,used:!1};constructor(e,t,n,o){this.#e=e,this.#t=t,this.#n=n,this.#o=o;let{signal:i}=this.#s;e.addEventListener("pointerdown",r=>this.#u(r),{signal:i}),e.addEventListener("pointermove",r=>this.#m(r),{signal:i}),e.addEventListener("pointerup",r=>this.#g(r),{signal:i}),e.addEventListener("pointercancel",r=>this.#k(r),{signal:i}),e.addEventListener("pointerleave",()=>this.#i??n.emit("leave",void 0),{signal:i}),e.addEventListener("contextmenu",r=>this.#b(r),{signal:i}),e.addEventListener("wheel",r=>this.#f(r),{signal:i,passive:!1}),e.addEventListener("keydown",r=>this.#y(r),{signal:i}),e.addEventListener("keyup",r=>this.#S(r),{signal:i}),e.addEventListener("blur",()=>this.#A(),{signal:i})}get crosshair(){return this.#l}close(){clearTimeout(this.#c),this.#s.abort()}drop(){clearTimeout(this.#c),this.#h(),this.#w()}hideCrosshair(){this.#w(),this.#l!==null&&(this.#l=null,this.#n.emit("crosshair",null))}#u(e){this.#e.focus({preventScroll:!0}),this.hideCrosshair();let t=this.#T(e);if(e.pointerType==="touch"){if(this.#r.set(e.pointerId,t),clearTimeout(this.#c),this.#r.size>1){this.#h();return}this.#o.takesOther()||(this.#c=setTimeout(()=>this.#p(t),Ra))}if(this.#i!==null||this.#r.size>1||e.button!==0&&e.button!==1&&e.button!==2)return;e.preventDefault(),this.#e.setPointerCapture(e.pointerId);let n=e.button!==1&&!this.#d.held&&!(this.pans&&e.button===0);if(this.#d.used=!0,n&&this.#o.refuses())return;let o=e.button===2&&n&&!this.#o.takesOther();this.#i={id:e.pointerId,isTool:n,asksForMenu:o,from:t,last:t},this.#e.dataset.panning=n?"no":"yes",n&&this.#n.emit("down",this.#O(e))}#m(e){let t=this.#T(e);if(this.#r.has(e.pointerId)&&this.#r.size===2){this.#x(e.pointerId,t);return}this.#r.has(e.pointerId)&&this.#r.set(e.pointerId,t),this.#i===null?e.pointerType!=="touch"&&this.#n.emit("hover",this.#O(e)):this.#i.id===e.pointerId&&(Math.hypot(t[0]-this.#i.from[0],t[1]-this.#i.from[1])>Ba&&(this.#i.asksForMenu=!1,clearTimeout(this.#c)),this.#i.isTool?this.#n.emit("move",this.#O(e)):this.#t.panBy(t[0]-this.#i.last[0],t[1]-this.#i.last[1]),this.#i.last=t)}#g(e){if(this.#r.delete(e.pointerId),clearTimeout(this.#c),this.#i?.id!==e.pointerId)return;let{isTool:t,asksForMenu:n}=this.#i;if(n){this.#p(this.#T(e));return}this.#i=null,this.#e.dataset.panning="no",t&&this.#n.emit("up",this.#O(e))}#k(e){this.#r.delete(e.pointerId),clearTimeout(this.#c),this.#i?.id===e.pointerId&&this.#h()}#h(){let e=this.#i;this.#i=null,this.#e.dataset.panning="no",e?.isTool===!0&&this.#n.emit("cancel",void 0)}#p(e){this.#h(),this.#n.emit("menu",{at:this.#t.toImage(e),screen:e})}#b(e){if(e.preventDefault(),e.button===2||e.pointerType==="touch"||this.#i!==null||this.#r.size>0)return;this.#w();let{width:t,height:n}=this.#t.screen,o=this.#l;this.#n.emit("menu",{at:o,screen:o===null?[t/2,n/2]:this.#t.toScreen(o)})}#x(e,t){let n=[...this.#r.values()];this.#r.set(e,t);let{factor:o,at:i,by:r}=Ts(n,[...this.#r.values()]);this.#t.panBy(r[0],r[1]),this.#t.zoomBy(o,i)}#f(e){let t=e.ctrlKey||e.metaKey;!t&&!this.#o.wheel||(e.preventDefault(),t||eo(e)?this.#t.zoomBy(Ms(e),this.#T(e)):this.#t.panBy(-e.deltaX,-e.deltaY))}#y(e){e.target!==this.#e||e.isComposing||(this.#o.onKey(Na(e))||this.#v(e))&&(e.preventDefault(),e.stopPropagation())}#v(e){let t=Da[e.key],n=e.ctrlKey||e.metaKey;return t!==void 0&&!n&&!e.altKey?(this.pans?this.#t.panBy(-t[0]*pt,-t[1]*pt):this.#E(t,e),!0):t!==void 0&&n?(this.#t.panBy(-t[0]*pt,-t[1]*pt),!0):e.key===" "?(e.repeat||(this.#d={held:!0,used:!1}),!0):e.key==="Enter"&&!n&&this.#l!==null?(e.repeat||this.#M(e),!0):e.key==="Escape"&&this.#l!==null?(this.hideCrosshair(),!0):!n&&this.#o.zoomKeys&&this.#j(e.key)}#j(e){if(e==="+"||e==="=")this.#t.zoomStep(1);else if(e==="-")this.#t.zoomStep(-1);else if(e==="0")this.#t.fit();else return!1;return!0}#S(e){if(e.key!==" ")return;let t=this.#d.held&&!this.#d.used&&this.#l!==null;this.#d={held:!1,used:!1},t&&this.#M(e)}#A(){this.#d={held:!1,used:!1},this.#w()}#E(e,t){let n=t.shiftKey?Ca:La,{screen:o,image:i}=this.#t,r=this.#l===null?[o.width/2,o.height/2]:this.#t.toScreen(this.#l),a=this.#l===null?0:n,[l,d]=this.#t.toImage([r[0]+e[0]*a,r[1]+e[1]*a]);this.#l=[Math.max(0,Math.min(i.width-1,l)),Math.max(0,Math.min(i.height-1,d))],this.#t.reveal(this.#l),this.#n.emit("crosshair",this.#l),this.#n.emit(this.#a?"move":"hover",this.#P(t,this.#l))}#M(e){if(this.#l===null||this.#o.refuses())return;let t=this.#P(e,this.#l);if(this.#a){this.#a=!1,this.#n.emit("up",t);return}this.#n.emit("down",t),this.keysDrag?this.#a=!0:this.#n.emit("up",t)}#w(){this.#a&&(this.#a=!1,this.#n.emit("cancel",void 0))}#T(e){let{left:t,top:n}=this.#e.getBoundingClientRect();return[e.clientX-t-this.#e.clientLeft,e.clientY-n-this.#e.clientTop]}#O(e){let t=this.#T(e),n=this.#t.toImage(t),{left:o,top:i}=this.#e.getBoundingClientRect(),a=(e.type==="pointermove"&&"getCoalescedEvents"in e?e.getCoalescedEvents():[]).map(({clientX:g,clientY:b})=>this.#t.toImage([g-o,b-i])),l=e.pointerType==="pen"||e.pointerType==="touch"?e.pointerType:"mouse",{shiftKey:d,altKey:h,button:m,pressure:p}=e,f=e.ctrlKey||e.metaKey;return{at:n,screen:t,path:a.length>0?a:[n],button:m,shift:d,alt:h,control:f,pressure:p||.5,kind:l}}#P(e,t){let{shiftKey:n,altKey:o}=e,i=e.ctrlKey||e.metaKey;return{at:t,screen:this.#t.toScreen(t),path:[t],button:0,shift:n,alt:o,control:i,pressure:.5,kind:"keyboard"}}};function Na(s){return{key:s.key,shift:s.shiftKey,alt:s.altKey,control:s.ctrlKey||s.metaKey}}var gt="#0a7d33",to="#c81e3a",no="#ffffff",js="#101418";function Es(s,e,t){for(let n of t)switch(n.kind){case"point":za(s,e.toScreen(n.at),n.foreground);break;case"box":Fa(s,e,n.box,n.color??gt);break;case"lasso":Ha(s,e,n.path,n.adds);break;case"crosshair":qa(s,e.toScreen(n.at));break}}function za(s,[e,t],n){s.beginPath(),s.arc(e,t,7+1.5,0,2*Math.PI),s.fillStyle=no,s.fill(),s.beginPath(),s.arc(e,t,7,0,2*Math.PI),s.fillStyle=n?gt:to,s.fill(),s.beginPath(),s.moveTo(e-4,t),s.lineTo(e+4,t),n&&(s.moveTo(e,t-4),s.lineTo(e,t+4)),s.strokeStyle=no,s.lineWidth=2,s.lineCap="round",s.stroke()}function Fa(s,e,[t,n,o,i],r){let[a,l]=e.toScreen([t-.5,n-.5]),[d,h]=e.toScreen([o-.5,i-.5]),m=new Path2D;m.rect(a,l,d-a,h-l),oo(s,m,r)}function Ha(s,e,t,n){let o=new Path2D;t.forEach((i,r)=>{let[a,l]=e.toScreen(i);r===0?o.moveTo(a,l):o.lineTo(a,l)}),s.globalAlpha=.2,s.fillStyle=n?gt:to,s.fill(o,"evenodd"),s.globalAlpha=1,oo(s,o,n?gt:to)}function qa(s,[e,t]){let n=new Path2D;for(let[o,i]of[[1,0],[-1,0],[0,1],[0,-1]])n.moveTo(e+4*o,t+4*i),n.lineTo(e+14*o,t+14*i);oo(s,n,js)}function oo(s,e,t){s.lineCap=s.lineJoin="round";for(let[n,o]of[[js,5],[no,3.5],[t,1.5]])s.strokeStyle=n,s.lineWidth=o,s.stroke(e)}var bt=class{element;#e=[];#t=!1;constructor(e){this.element=e.createElement("canvas"),this.element.style.cssText="position:absolute;left:0;top:0;width:100%;height:100%;pointer-events:none;"}set(e){this.#e=e,this.invalidate()}invalidate(){this.#t=!0}resize(e,t,n){this.element.width=Math.ceil(e*n),this.element.height=Math.ceil(t*n),this.invalidate()}draw(e,t){let n=[...this.#e,...t];if(n.length===0&&!this.#t)return;this.element.style.display=n.length===0?"none":"block",this.#t=n.length>0;let o=this.element.getContext("2d"),{ratio:i}=e;o?.setTransform(1,0,0,1,0,0),o?.clearRect(0,0,this.element.width,this.element.height),o?.setTransform(i,0,0,i,0,0),o&&Es(o,e,n)}};function Os(s,e){let{box:t}=e;if(t===null)return N.empty(e.width,e.height);let[n,o,i,r]=t,[a,l]=[i-n,r-o],d=s.createElement("canvas");d.width=a,d.height=l;let h=d.getContext("2d",{willReadFrequently:!0});if(h===null)throw new Error("the browser gives no 2D canvas");Q(h,{scale:1,left:n,top:o},{x:0,y:0,width:a,height:l},$(e),{color:"#ffffff",fill:1,line:0},1);let{data:p}=h.getImageData(0,0,a,l),f=new Uint8Array(a*l);for(let g=0;g<f.length;g++)f[g]=p[4*g+3]>127?1:0;return N.fromBits(e.width,e.height,{x0:n,y0:o,x1:i,y1:r},f)}var $a="position:absolute;left:0;top:0;border-radius:50%;box-sizing:border-box;border:1.5px solid #fff;box-shadow:0 0 0 1.5px #101418,inset 0 0 0 1px #101418;pointer-events:none;will-change:transform;display:none;";var yt=class{element;#e=null;constructor(e){this.element=e.createElement("div"),this.element.style.cssText=$a}get isShown(){return this.#e!==null}set(e,t){this.#e=e,this.place(t)}place(e){let{style:t}=this.element;if(t.display=this.#e===null?"none":"block",this.#e===null)return;let n=Math.max(1.5,this.#e.radius*e.scale),[o,i]=e.toScreen(this.#e.at);t.width=t.height=`${2*n}px`,t.transform=`translate(${o-n}px,${i-n}px)`}};function vt(s,e){let t=new Map(s.map((i,r)=>[i.uid,{object:i,index:r}])),n=[],o=-1;for(let i of e){let r=t.get(i.uid);t.delete(i.uid),r===void 0?n.push(i):Ka(r.object,i)?r.index<o&&n.push(i):n.push(r.object,i),o=Math.max(o,r?.index??-1)}for(let{object:i}of t.values())n.push(i);return n}function Ka(s,e){return s.bitmap===e.bitmap&&s.color===e.color&&s.hidden===!0==(e.hidden===!0)}var wt=class{#e={width:1,height:1};#t={width:1,height:1};#n=1;#o=0;#s=0;#i=1;#r=!0;#l=new Set;get scale(){return this.#n}get left(){return this.#o}get top(){return this.#s}get image(){return this.#e}get screen(){return this.#t}get ratio(){return this.#i}get fitted(){return this.#r}onChange(e){return this.#l.add(e),()=>this.#l.delete(e)}setImage(e){this.#e={width:e.width,height:e.height},this.fit()}setScreen(e,t){let n=this.toImage([this.#t.width/2,this.#t.height/2]);this.#t={width:Math.max(1,e.width),height:Math.max(1,e.height)},this.#i=t,this.#r?this.fit():this.centerOn(n)}toScreen([e,t]){return[(e+.5)*this.#n+this.#o,(t+.5)*this.#n+this.#s]}toImage([e,t]){return[(e-this.#o)/this.#n-.5,(t-this.#s)/this.#n-.5]}get visible(){let[e,t]=this.toImage([0,0]),[n,o]=this.toImage([this.#t.width,this.#t.height]);return[e+.5,t+.5,n+.5,o+.5]}get shown(){let[e,t,n,o]=this.visible,{width:i,height:r}=this.#e,a=[Math.max(0,Math.floor(e)),Math.max(0,Math.floor(t)),Math.min(i,Math.ceil(n)),Math.min(r,Math.ceil(o))];return a[0]<a[2]&&a[1]<a[3]?a:null}get fitScale(){let{width:e,height:t}=this.#t,n=Math.min(16,e/8,t/8),o=Math.min((e-2*n)/this.#e.width,(t-2*n)/this.#e.height);return Math.min(64,o)}get leastScale(){return Math.min(1,this.fitScale)/2}fit(){let e=this.fitScale,{width:t,height:n}=this.#t;this.#a(e,(t-this.#e.width*e)/2,(n-this.#e.height*e)/2,!0)}zoomTo(e,t=[this.#t.width/2,this.#t.height/2]){let n=Math.min(64,Math.max(this.leastScale,e)),o=n/this.#n;this.#a(n,t[0]-(t[0]-this.#o)*o,t[1]-(t[1]-this.#s)*o)}zoomBy(e,t){this.zoomTo(this.#n*e,t)}zoomStep(e){this.zoomBy(e>0?1.25:1/1.25)}panBy(e,t){this.#a(this.#n,this.#o+e,this.#s+t)}centerOn(e){let[t,n]=this.toScreen(e);this.panBy(this.#t.width/2-t,this.#t.height/2-n)}show(e){let[t,n,o,i]=e,{width:r,height:a}=this.#t,l=.6*Math.min(r/Math.max(1,o-t),a/Math.max(1,i-n)),d=Math.max(this.leastScale,Math.min(l,8,64));this.#a(d,r/2-(t+o)/2*d,a/2-(n+i)/2*d)}reveal(e,t=32){let[n,o]=this.toScreen(e),i=Ps(n,this.#t.width,Math.min(t,this.#t.width/4)),r=Ps(o,this.#t.height,Math.min(t,this.#t.height/4));(i!==0||r!==0)&&this.panBy(i,r)}#a(e,t,n,o=!1){this.#n=e,this.#o=As(t,this.#e.width*e,this.#t.width),this.#s=As(n,this.#e.height*e,this.#t.height),this.#r=o;for(let i of this.#l)i()}};function As(s,e,t){let n=Math.min(64,e,t/2);return Math.min(t-n,Math.max(n-e,s))}function Ps(s,e,t){return s<t?t-s:s>e-t?e-t-s:0}var kt=class{viewport=new wt;host;onKey=()=>!1;takesOther=()=>!1;refuses=()=>!1;#e=new K;#t;#n;#o;#s;#i;#r;#l;#a=0;#c=new Set;#d=null;constructor(e,t){this.host=e;let{ownerDocument:n}=e;this.#n=new mt(n,this.viewport,()=>this.#p()),this.#o=this.#n.scene,this.#s=this.#n.overlay,this.#i=new bt(n),this.#r=new yt(n),e.append(this.#n.element,this.#i.element,this.#r.element),e.style.cssText+=";position:relative;overflow:hidden;touch-action:none;user-select:none;contain:strict;",e.tabIndex=0,e.setAttribute("role","application"),e.setAttribute("aria-label",t.label),this.#t=new ft(e,this.viewport,this.#e,{wheel:t.wheel??!0,zoomKeys:t.zoomKeys??!0,onKey:o=>this.onKey(o),takesOther:()=>this.takesOther(),refuses:()=>this.refuses()}),this.#e.on("crosshair",()=>this.#x()),this.viewport.onChange(()=>this.#g()),this.#l=new ResizeObserver(()=>this.#m()),this.#l.observe(e),this.#m()}on(e,t){return this.#e.on(e,t)}close(){cancelAnimationFrame(this.#a),this.#l.disconnect(),this.#t.close(),this.#n.close(),this.host.replaceChildren()}get crosshair(){return this.#t.crosshair}set pans(e){this.#t.pans=e,this.#k()}set keysDrag(e){this.#t.keysDrag=e}drop(){this.#t.drop()}setLabel(e){this.host.setAttribute("aria-label",e)}showPicture(e,{width:t,height:n}){let{viewport:o}=this;(o.image.width!==t||o.image.height!==n)&&o.setImage({width:t,height:n});let{image:i}=this.#o;i.tiles?.close(),i.tiles=null,i.picture={bitmap:e,width:t,height:n},this.#n.sceneLayer.invalidateAll(),this.#p()}setImage(e){if(this.#o.image.tiles?.close(),this.#o.image.tiles=null,this.#o.objects.objects=this.#o.objects.proposals=[],this.#o.objects.lifted=null,Object.assign(this.#s,{selected:[],hovered:null,draft:null,stroke:null}),this.#d=null,this.#i.set([]),this.#t.hideCrosshair(),e!==null){let{width:t,height:n,source:o}=e;this.#o.image.tiles=new lt(o,{width:t,height:n},r=>{let a=this.#o.image.tiles;a!==null&&this.#n.sceneLayer.invalidate(ct(a,r),1),this.#p()});let{picture:i}=this.#o.image;(i?.width!==t||i.height!==n)&&(this.#o.image.picture=null,this.viewport.setImage({width:t,height:n}))}else this.#o.image.picture=null;this.#n.changedAll()}setObjects(e){let t=vt(this.#o.objects.objects,e);this.#o.objects.objects=e,this.#n.changed(this.#n.sceneLayer,t),this.#h()}setProposals(e){let t=vt(this.#o.objects.proposals,e);this.#o.objects.proposals=e,this.#n.changed(this.#n.sceneLayer,t),this.#h()}setSelected(e){this.#c=new Set(e),this.#h()}setHovered(e){e!==this.#d&&(this.#d=e,this.#h())}setDraft(e,t={kind:"draft",color:"#4c9aff"},n=null){let o=this.#s.draft?.shape.box,i=e===null?null:$(e);this.#s.draft=i===null?null:{shape:i,style:t};for(let r of[o,i?.box])r&&this.#n.overlayLayer.invalidate(r,this.#n.room);if(n!==this.#o.objects.lifted){let r=[n,this.#o.objects.lifted];this.#o.objects.lifted=n,this.#n.changed(this.#n.sceneLayer,this.#o.objects.objects.filter(({uid:a})=>r.includes(a))),this.#h()}this.#p()}setStroke(e){for(let t of[this.#s.stroke,e])t!==null&&this.#n.overlayLayer.invalidate(ks(t),this.#n.room);this.#s.stroke=e,this.#p()}extendStroke(e){let{stroke:t}=this.#s;if(t===null)return;let n=t.path.length;if(t.path.push(...e),!this.#n.overlayLayer.clean)return;let{context:o,view:i}=this.#n.overlayLayer;o.save(),Qn(o,i,t,n),o.restore()}setMarks(e){this.#i.set(e),this.#p()}setRing(e){this.#r.set(e,this.viewport),this.#k()}objectsAt([e,t]){let[n,o]=[Math.round(e),Math.round(t)];return this.#o.objects.objects.filter(({bitmap:r,hidden:a})=>a!==!0&&r.has(n,o)).map(({uid:r})=>r).reverse()}proposalAt([e,t]){let[n,o]=[Math.round(e),Math.round(t)];return this.#o.objects.proposals.filter(({bitmap:r})=>r.has(n,o)).reduce((r,a)=>r===null||a.bitmap.area<r.bitmap.area?a:r,null)?.uid??null}fit(){this.viewport.fit()}get settled(){return this.#a===0&&this.#n.settled}pixelsOf(e){let t=this.#o.objects.objects.find(n=>n.uid===e);if(t===void 0)throw new Error(`no object ${e} is shown`);return Os(this.host.ownerDocument,t.bitmap).toRuns()}get#u(){return this.host.ownerDocument.defaultView?.devicePixelRatio??1}#m(){let{clientWidth:e,clientHeight:t}=this.host;if(e===0||t===0)return;let n=this.#u;this.#n.ratio=n,this.#i.resize(e,t,n),this.viewport.setScreen({width:e,height:t},n)}#g(){this.#r.place(this.viewport),this.#n.viewChanged()}#k(){this.host.style.cursor=this.#t.pans?"grab":this.#r.isShown?"none":"crosshair"}#h(){let{objects:e,proposals:t,lifted:n}=this.#o.objects,o=e.filter(({uid:l,hidden:d})=>this.#c.has(l)&&d!==!0&&l!==n),i=[...e,...t].find(({uid:l,hidden:d})=>l===this.#d&&d!==!0)??null,r=this.#s.selected,a=vt(r,o);i!==this.#s.hovered&&a.push(...[i,this.#s.hovered].filter(l=>l!==null)),this.#s.selected=o,this.#s.hovered=i,this.#n.changed(this.#n.overlayLayer,a)}#p(){this.#a===0&&(this.#a=requestAnimationFrame(e=>this.#b(e)))}#b(e){this.#a=0,this.#u!==this.viewport.ratio&&this.#m();let t=this.#n.paint(e);this.#f(),t||this.#p()}#x(){this.#i.invalidate(),this.#p()}#f(){this.#i.draw(this.viewport,this.crosshair===null?[]:[{kind:"crosshair",at:this.crosshair}])}};var Ua="close cancel copy retry fatal state.all state.new state.started state.suggested state.doubt state.done bar.noImage bar.place bar.state bar.stateIs bar.done bar.undoOf bar.redoOf bar.model bar.export bar.settings save.saved save.saving save.offline save.conflict save.refused save.savedMore save.savingMore save.offlineMore save.conflictMore save.refusedMore save.notSent banner.offline banner.refused settings.theme settings.auto settings.light settings.dark settings.language settings.hints stage.name stage.of stage.area stage.skip side.name image.none image.opening image.failed image.unreadable image.unreadableFile image.offline image.opensLater image.opened image.draftKept image.first image.last image.allDone image.stateIs status.select status.pan status.point status.box status.brush status.eraser status.lasso status.text status.like status.everything status.salient status.actualSize help.title help.tools help.prompt help.objects help.labels help.images help.view help.mouse tools.name keys.tool.select keys.tool.pan keys.tool.point keys.tool.box keys.tool.brush keys.tool.eraser keys.tool.lasso keys.tool.text keys.tool.like keys.tool.everything keys.tool.salient keys.prompt.move keys.prompt.set keys.prompt.background keys.prompt.candidate keys.prompt.accept keys.prompt.cancel keys.prompt.back keys.prompt.size keys.undo keys.redo keys.objects.all keys.objects.next keys.objects.previous keys.objects.delete keys.objects.rename keys.objects.refine keys.objects.hide keys.objects.lock keys.objects.up keys.objects.down keys.objects.merge keys.objects.split keys.objects.fill keys.objects.cut keys.objects.smooth keys.objects.copyImage keys.objects.fromBefore keys.objects.code keys.objects.menu keys.labels.give keys.labels.none keys.labels.add keys.images.next keys.images.previous keys.images.nextUndone keys.images.done keys.images.doneNext keys.images.doubt keys.images.search keys.view.in keys.view.out keys.view.fit keys.view.truth keys.view.folder keys.view.export keys.view.help tools.kept tools.keptMany tools.already tools.keptSome tools.found tools.deleted tools.selected tools.selectedOne tools.unlabeled tools.candidate tools.emptied tools.failed tools.locked tools.nothing tools.nothingToErase tools.history.add tools.history.addFound tools.history.refine tools.history.erase tools.history.paint tools.history.lassoAdd tools.history.lassoCut tools.history.delete prompt.busy prompt.preparing prompt.refine prompt.score prompt.accept prompt.other prompt.candidates prompt.preview brush.size brush.pixels brush.pressure text.phrase text.example text.detector text.go text.threshold like.told everything.fineness everything.points16 everything.points32 everything.points64 everything.go salient.go found.name found.count found.below found.none found.inShown found.accept found.acceptAll found.clear missing.point missing.box missing.text missing.like missing.everything missing.salient models.loading objects.name objects.count objects.chosen objects.deleted objects.empty objects.emptyMore objects.noLabel objects.score objects.drag objects.more objects.hide objects.show objects.lock objects.unlock objects.showAll source.suggestion menu.object menu.image menu.merge menu.hide menu.show menu.lock menu.unlock details.name details.none details.label details.different details.color details.edits details.attributes details.addAttribute details.removeAttribute details.attributeName details.attributeValue edit.merge edit.split edit.fill edit.cut edit.smooth edit.delete edit.up edit.down edit.hide edit.lock edit.label edit.color edit.attributes edit.order edit.state edit.fromBefore edit.nothing edit.mergedLabel edit.locked edit.chooseFirst edit.noBefore edit.beforeEmpty edit.otherSize edit.copied edit.undone edit.redone edit.nothingToUndo edit.nothingToRedo edit.skipped labels.name labels.empty labels.nameOf labels.keep labels.more labels.edit labels.remove labels.key labels.given labels.current labels.notKept labels.problem.empty labels.problem.long labels.problem.taken labels.problem.many labels.problem.color labels.problem.key folder.name folder.images folder.filters folder.search folder.byDoubt folder.doubt folder.fold folder.unfold folder.more folder.add folder.empty folder.noMatch drop.here drop.failed drop.added welcome.drop welcome.choose job.progress job.starts job.failed export.title export.formats export.which export.images export.noFormat export.go export.done export.finished export.nothingLost export.download import.title import.told import.file import.format import.auto import.boxes import.go import.has import.add import.replace import.done import.undo import.undone import.kept suggest.title suggest.told suggest.phrases suggest.phrasesExample suggest.everything suggest.go suggest.progress suggest.tiles suggest.raster suggest.done suggest.broken suggest.failed suggest.show code.title code.command code.copy code.copied code.notCopied code.note code.nothing conflict.title conflict.told conflict.more conflict.mine conflict.theirs conflict.forAll conflict.allMine conflict.allTheirs conflict.keep conflict.removed conflict.differs conflict.part.label conflict.part.mask conflict.part.color conflict.part.attributes conflict.part.hidden conflict.part.locked clipboard.copied clipboard.failed truth.name truth.image truth.draft truth.missed truth.extra truth.more hints.name hints.count hints.point hints.labels hints.done hints.next hints.last hints.skip notices.name widget.smaller widget.encoding widget.missing.text widget.missing.like widget.missing.salient video.hint video.name video.timeline video.play video.pause video.more video.step.previous video.step.next video.stop.previous video.stop.next video.stop.none video.event.added video.event.lost video.event.found video.event.key video.frame video.frameOf video.seen video.lost video.speed video.track video.track.forward video.track.back video.track.both video.track.stop video.track.done video.track.stopped video.tracking video.tracked video.moving video.sameAs video.gone video.unkey video.remove video.removed video.zoom.in video.zoom.out".split(" "),Va=s=>s[0]==="="?JSON.parse(s.slice(1)):s,ne=s=>Object.fromEntries(s.split(`
`).map((e,t)=>[Ua[t],Va(e)])),Is=ne(`Close
Cancel
Copy
Try again
The studio cannot start: {why}
All
New
Started
Suggested
In doubt
Done
No image
{at} of {of}
State of the image
State: {state}
Done, next
Undo: {what}
Redo: {what}
Model
Export
Theme and language
Saved
Saving…
Not sent yet
Conflict
Not saved
The server has every change on its disk
Changes are on their way to the server
Changes are kept in this browser and sent as soon as the server answers
Another page changed the same objects
The server refused a change; it is kept in this browser
={"one":"Earlier changes of {count} image could not be sent. They are kept in this browser.","other":"Earlier changes of {count} images could not be sent. They are kept in this browser."}
The server cannot be reached. Go on: your work is kept here and sent later.
The server did not take a change: {why}
Theme
Like the system
Light
Dark
Language
Show the hints again
Image
Image {name}
Work area
Skip to the image
Objects and labels
No image is open
{name} is being opened
{name} cannot be opened: {why}
{name} cannot be opened
Try again when the file has changed; for other options, start the studio again. All other images can be worked on.
The server cannot be reached
{name} is opened as soon as the server answers.
{name}, image {at} of {of}, {objects}
The mask that was open was kept in {name}
This is the first image
This is the last image
No other image is left to do
The image is now: {state}
Click objects to choose them, Shift for several
Drag to move, wheel to zoom
Click an object; right click or Alt takes away; Enter accepts
Drag a box around an object; Enter accepts
Paint on the chosen object, or a new one; Alt erases; [ and ] change the size
Erase from the chosen object; [ and ] change the size
Draw around an area to add it; with Alt to cut it out
Name what to find, then pick or accept all
Click an object, or drag a box around an example
Find everything, then click what to keep
Find what stands out, then click what to keep
Zoom: show one pixel as one
Keys
Tools
On the image
Objects
Labels
Images
View
The wheel zooms. Hold Space or the middle button to move the image. Two fingers do both. A right click or a long press opens a menu; while a mask is made, a right click takes away.
Tools
Select
Move the image
Point
Box
Brush
Eraser
Lasso
Find by words
Find what is like this
Everything
What stands out
Move the crosshair
Click there
Not this
Another mask
Accept
Drop it
Take the last point back
Brush smaller, larger
Undo
Redo
Choose all
Next object
Previous object
Delete
Change the label
Refine by points
Hide or show
Lock or unlock
One to the front
One to the back
Merge
Split into parts
Fill holes
Cut out of the others
Smooth
Copy the cut-out
Copy from the image before
Copy as code
Menu of an object
Give a label
Take the label away
Add a label
Next image
Previous image
Next that is not done
Done or not
Done, and on to the next
In doubt or not
Search images
Zoom in
Zoom out
Show all of the image
Differences from the truth
Folder as a grid
Export
Help: all keys
={"one":"Mask added, {count} object","other":"Mask added, {count} objects"}
={"one":"{count} object added","other":"{count} objects added"}
={"one":"{count} was there already","other":"{count} were there already"}
{added}; {there}
={"one":"{count} object found","other":"{count} objects found"}
={"one":"{count} object deleted","other":"{count} objects deleted"}
={"one":"{count} object chosen","other":"{count} objects chosen"}
{label} chosen
Object without a label
Mask {at} of {of}
Nothing was left of the object: it is deleted
That did not work: {why}
The object is locked
Nothing is found there
There is nothing to erase: choose an object first
Add object
={"one":"Add {count} object","other":"Add {count} objects"}
Refine object
Erase
Paint
Add by lasso
Cut by lasso
={"one":"Delete {count} object","other":"Delete {count} objects"}
One moment…
Preparing the image for its first mask…
Refine by more points
score {score}
Accept
Other
{at} / {of}
Preview under the pointer
Size
{pixels} px
A pen's pressure changes the size
What to find
a cup, a spoon
Model
Find
From a score of
Click an object of the image, or drag a box around an example.
How fine
Coarse, fast
Usual
Fine, slow
Find everything
Find what stands out
What was found
={"one":"{count} found","other":"{count} found"}
({count} below)
Nothing is found
Searches the part that is shown, and no more. Zoom in for small objects.
Accept {label}, score {score}
Accept all
Clear
No model here takes points.
No model here takes boxes.
No model here finds by words. Start the studio with one: promptseg studio --detector d-fine-n
No model here finds by examples. Start the studio with one: promptseg studio --concept exemplar
No model here finds everything.
No model here finds what stands out. Start the studio with one: promptseg studio --detector u2netp
Loading the model…
Objects
={"one":"{count} object","other":"{count} objects"}
={"one":"{count} object chosen","other":"{count} objects chosen"}
={"one":"{count} object deleted","other":"{count} objects deleted"}
No objects yet
Click on something in the image.
no label
Score {score}
Drag to change the order
More for objects
Hide {name}
Show {name}
Lock {name}
Unlock {name}
Show all objects
A suggestion
Menu of the object
Menu of the image
Merge with the chosen ones
Hide
Show
Lock
Unlock
Chosen objects
Choose an object to change it
Label
Different labels
Color
Edit
Attributes
Add an attribute
Remove the attribute {name}
Name
Value
Merge
Split
Fill holes
Cut out of the others
Smooth
Delete
To the front
To the back
Hide or show
Lock or unlock
Label
Color
Attributes
Order
State
Copy from the image before
There is nothing to change
Labels differed: the merged object has that of the largest, “{name}”
The chosen objects are locked
Choose an object first
There is no image before this one
{name} has no objects
{name} has another size: its objects do not fit
={"one":"{count} object copied from {name}","other":"{count} objects copied from {name}"}
Undone: {what}
Redone: {what}
There is nothing to undo
There is nothing to redo
={"one":"{count} object was changed by another page and stays as it is","other":"{count} objects were changed by another page and stay as they are"}
Labels
Add labels such as “cup” and give them by the keys 1 to 9.
Name of the label
Keep the label
More for {name}
Rename or recolor
Remove from the list
Key
Label: {name}
New objects get: {name}
The labels could not be kept: {why}
A label needs a name
The name is too long: {name}
There is already a label {name}
There are too many labels for {name}
{name} is no color
{name} cannot be a key
Images
={"one":"{count} image","other":"{count} images"}
Show by state
Search
Most doubtful first
doubt {percent} %
Fold the folder
Unfold the folder
More for images
Add images…
Drop images anywhere on the page.
No image matches. Change the search or the filter.
Drop images or annotations here
{name} cannot be added: {why}
={"one":"{count} image added","other":"{count} images added"}
Drop images anywhere on the page, or choose some.
Choose images
{done} of {total}
Starting…
It did not work
Export the dataset
Formats
Images that are
={"one":"{count} image will be exported","other":"{count} images will be exported"}
Choose a format
Export
Written to {folder}
The export is finished
Everything could be kept.
Download
Import annotations
Masks of a file become objects of the images with the same names, to be corrected here.
File
Format
By the file itself
Boxes become masks, too
Import
Some of the images have objects already. Locked objects are never replaced.
Add to them
Replace them
Imported: {objects} in {images}
Undo import
The import was taken back
={"one":"{count} object that was changed since stays","other":"{count} objects that were changed since stay"}
Suggest objects on all new images
={"one":"{count} new image gets suggestions. Images that you touched are left alone.","other":"{count} new images get suggestions. Images that you touched are left alone."}
What to find, by commas
person, dog
Everything that can be found
Suggest
Suggesting: {done} of {total}
Suggesting: {done} of {total} tiles
A raster is searched tile by tile, which takes long. promptseg annotate --tile does the same, and goes on after a stop.
={"one":"{count} image has suggestions","other":"{count} images have suggestions"}
No suggestions were made: {why}
={"one":"{count} image failed: {name}: {why}","other":"{count} images failed, such as {name}: {why}"}
Show
Copy as code
Command
Copy: {what}
{what} copied
The browser did not allow copying: mark the text and copy it
It finds the same masks as your prompts. What you painted by hand is not in it.
Nothing was prompted here: there is no code to copy
Changed on two pages
={"one":"{count} object of {name} was changed here and on another page.","other":"{count} objects of {name} were changed here and on another page."}
Nothing is lost so far. Choose the version to keep of each object. All other changes are merged.
Mine
Of the other page
For all objects
All mine
All of the other page
Keep the chosen ones
Deleted
Different: {what}
label
outline
color
attributes
visibility
lock
The cut-out is in the clipboard
The cut-out could not be copied: {why}
Agreement with the truth
Mean IoU
Mask in progress
missed
too much
and {count} more
Hint
{at} of {of}
Rest the pointer on something to see its mask. Click, add points, and press Enter to keep it.
Add your labels here. The keys 1 to 9 give them.
Finished an image? This marks it done and opens the next. Press ? for all keys.
Next
Got it
Skip
Messages
Shown at {width} × {height} pixels. Masks have all pixels of the image
The image is being encoded: then clicks are quick…
No model here finds by words. Give a pipeline with a detector: ps.Pipeline().detect("d-fine-n").segment()
No model here finds by examples. Give a pipeline with a segmenter: ps.Pipeline().segment()
No model here finds what stands out. Give a pipeline that does: ps.Pipeline.plan(task="salient").pipeline()
Track the objects from this frame on. Where a mask is wrong, correct it and track on from there.
Video
Position in the video
Play
Pause
More for the chosen object
Previous frame
Next frame
Previous event or keyframe
Next event or keyframe
There is no further event
{object} appears
{object} is lost
{object} is found again
Keyframe of {object}
frame {frame}
frame {frame} of {frames}
seen: {objects}
lost: {objects}
Speed {speed}
Track
Track forward
Track backward
Track in both directions
Stop tracking
Tracking is done
Tracking was stopped
Tracking
{done} of {total} frames
The frame is opened when it rests
Same object as …
Not there from this frame on
Take back what is said of this frame
Remove from the video
{object} was removed from the video
Zoom into the timeline
Zoom out of the timeline`);var Ls=ne(`Schließen
Abbrechen
Kopieren
Erneut versuchen
Das Studio kann nicht starten: {why}
Alle
Neu
Begonnen
Vorgeschlagen
Unsicher
Fertig
Kein Bild
{at} von {of}
Zustand des Bildes
Zustand: {state}
Fertig, weiter
Rückgängig: {what}
Wiederholen: {what}
Modell
Exportieren
Design und Sprache
Gespeichert
Speichert…
Noch nicht gesendet
Konflikt
Nicht gespeichert
Der Server hat alle Änderungen auf seiner Platte
Änderungen sind unterwegs zum Server
Änderungen bleiben in diesem Browser und werden gesendet, sobald der Server antwortet
Eine andere Seite hat dieselben Objekte geändert
Der Server hat eine Änderung abgelehnt; sie bleibt in diesem Browser
={"one":"Frühere Änderungen an {count} Bild konnten nicht gesendet werden. Sie bleiben in diesem Browser.","other":"Frühere Änderungen an {count} Bildern konnten nicht gesendet werden. Sie bleiben in diesem Browser."}
Der Server ist nicht erreichbar. Arbeiten Sie weiter: Alles bleibt hier und wird später gesendet.
Der Server hat eine Änderung nicht angenommen: {why}
Design
Wie das System
Hell
Dunkel
Sprache
Tipps noch einmal zeigen
Bild
Bild {name}
Arbeitsfläche
Zum Bild springen
Objekte und Labels
Kein Bild ist geöffnet
{name} wird geöffnet
{name} kann nicht geöffnet werden: {why}
{name} kann nicht geöffnet werden
Versuchen Sie es erneut, wenn die Datei geändert ist; für andere Optionen starten Sie das Studio neu. An allen anderen Bildern kann gearbeitet werden.
Der Server ist nicht erreichbar
{name} wird geöffnet, sobald der Server antwortet.
{name}, Bild {at} von {of}, {objects}
Die offene Maske wurde in {name} behalten
Das ist das erste Bild
Das ist das letzte Bild
Kein anderes Bild ist mehr offen
Das Bild ist jetzt: {state}
Objekte anklicken, mit Umschalt mehrere
Ziehen bewegt, das Rad zoomt
Objekt anklicken; Rechtsklick oder Alt nimmt weg; Enter übernimmt
Kasten um ein Objekt ziehen; Enter übernimmt
Auf das gewählte oder ein neues Objekt malen; Alt radiert; [ und ] ändern die Größe
Vom gewählten Objekt radieren; [ und ] ändern die Größe
Bereich umfahren, um ihn hinzuzufügen; mit Alt ausschneiden
Nennen, was gesucht wird, dann wählen oder alle übernehmen
Objekt anklicken oder Kasten um ein Beispiel ziehen
Alles finden, dann anklicken, was bleiben soll
Finden, was hervorsticht, dann anklicken, was bleiben soll
Zoom: ein Pixel als ein Pixel
Tasten
Werkzeuge
Auf dem Bild
Objekte
Labels
Bilder
Ansicht
Das Rad zoomt. Leertaste oder mittlere Taste halten, um das Bild zu bewegen. Zwei Finger tun beides. Rechtsklick oder langes Drücken öffnet ein Menü; solange eine Maske entsteht, nimmt der Rechtsklick weg.
Werkzeuge
Auswählen
Bild bewegen
Punkt
Kasten
Pinsel
Radierer
Lasso
Mit Worten suchen
Ähnliches suchen
Alles
Was hervorsticht
Fadenkreuz bewegen
Dort klicken
Das nicht
Andere Maske
Übernehmen
Verwerfen
Letzten Punkt zurücknehmen
Pinsel kleiner, größer
Rückgängig
Wiederholen
Alle wählen
Nächstes Objekt
Voriges Objekt
Löschen
Label ändern
Mit Punkten verfeinern
Aus- oder einblenden
Sperren oder entsperren
Eins nach vorn
Eins nach hinten
Vereinen
In Teile trennen
Löcher füllen
Aus den anderen ausschneiden
Glätten
Ausschnitt kopieren
Vom vorigen Bild übernehmen
Als Code kopieren
Menü eines Objekts
Label geben
Label wegnehmen
Label hinzufügen
Nächstes Bild
Voriges Bild
Nächstes offenes
Fertig oder nicht
Fertig, und weiter zum nächsten
Unsicher oder nicht
Bilder suchen
Vergrößern
Verkleinern
Ganzes Bild zeigen
Unterschiede zur Wahrheit
Ordner als Raster
Exportieren
Hilfe: alle Tasten
={"one":"Maske hinzugefügt, {count} Objekt","other":"Maske hinzugefügt, {count} Objekte"}
={"one":"{count} Objekt hinzugefügt","other":"{count} Objekte hinzugefügt"}
={"one":"{count} war schon da","other":"{count} waren schon da"}
{added}; {there}
={"one":"{count} Objekt gefunden","other":"{count} Objekte gefunden"}
={"one":"{count} Objekt gelöscht","other":"{count} Objekte gelöscht"}
={"one":"{count} Objekt gewählt","other":"{count} Objekte gewählt"}
{label} gewählt
Objekt ohne Label
Maske {at} von {of}
Vom Objekt blieb nichts: Es ist gelöscht
Das hat nicht geklappt: {why}
Das Objekt ist gesperrt
Dort wird nichts gefunden
Nichts zum Radieren: erst ein Objekt wählen
Objekt hinzufügen
={"one":"{count} Objekt hinzufügen","other":"{count} Objekte hinzufügen"}
Objekt verfeinern
Radieren
Malen
Mit dem Lasso hinzufügen
Mit dem Lasso ausschneiden
={"one":"{count} Objekt löschen","other":"{count} Objekte löschen"}
Einen Moment…
Das Bild wird für die erste Maske vorbereitet…
Mit Punkten verfeinern
Wert {score}
Übernehmen
Andere
{at} / {of}
Vorschau unter dem Zeiger
Größe
{pixels} px
Stiftdruck ändert die Größe
Was gesucht wird
Tasse, Löffel
Modell
Suchen
Ab einem Wert von
Ein Objekt des Bildes anklicken oder einen Kasten um ein Beispiel ziehen.
Wie fein
Grob, schnell
Üblich
Fein, langsam
Alles suchen
Hervorstechendes suchen
Gefunden
={"one":"{count} gefunden","other":"{count} gefunden"}
({count} darunter)
Nichts gefunden
Sucht im gezeigten Teil, und nur dort. Für kleine Objekte näher heran.
{label} übernehmen, Wert {score}
Alle übernehmen
Leeren
Kein Modell hier nimmt Punkte.
Kein Modell hier nimmt Kästen.
Kein Modell hier sucht mit Worten. Starten Sie das Studio mit einem: promptseg studio --detector d-fine-n
Kein Modell hier sucht nach Beispielen. Starten Sie das Studio mit einem: promptseg studio --concept exemplar
Kein Modell hier findet alles.
Kein Modell hier findet, was hervorsticht. Starten Sie das Studio mit einem: promptseg studio --detector u2netp
Modell wird geladen…
Objekte
={"one":"{count} Objekt","other":"{count} Objekte"}
={"one":"{count} Objekt gewählt","other":"{count} Objekte gewählt"}
={"one":"{count} Objekt gelöscht","other":"{count} Objekte gelöscht"}
Noch keine Objekte
Klicken Sie etwas im Bild an.
ohne Label
Wert {score}
Ziehen ändert die Reihenfolge
Mehr zu Objekten
{name} ausblenden
{name} einblenden
{name} sperren
{name} entsperren
Alle Objekte einblenden
Ein Vorschlag
Menü des Objekts
Menü des Bildes
Mit den gewählten vereinen
Ausblenden
Einblenden
Sperren
Entsperren
Gewählte Objekte
Objekt wählen, um es zu ändern
Label
Verschiedene Labels
Farbe
Bearbeiten
Attribute
Attribut hinzufügen
Attribut {name} entfernen
Name
Wert
Vereinen
Trennen
Löcher füllen
Aus den anderen ausschneiden
Glätten
Löschen
Nach vorn
Nach hinten
Aus- oder einblenden
Sperren oder entsperren
Label
Farbe
Attribute
Reihenfolge
Zustand
Vom vorigen Bild übernehmen
Es gibt nichts zu ändern
Die Labels waren verschieden: Das vereinte Objekt hat das des größten, „{name}“
Die gewählten Objekte sind gesperrt
Wählen Sie erst ein Objekt
Davor gibt es kein Bild
{name} hat keine Objekte
{name} hat eine andere Größe: Die Objekte passen nicht
={"one":"{count} Objekt aus {name} übernommen","other":"{count} Objekte aus {name} übernommen"}
Rückgängig gemacht: {what}
Wiederholt: {what}
Es gibt nichts rückgängig zu machen
Es gibt nichts zu wiederholen
={"one":"{count} Objekt wurde auf einer anderen Seite geändert und bleibt, wie es ist","other":"{count} Objekte wurden auf einer anderen Seite geändert und bleiben, wie sie sind"}
Labels
Fügen Sie Labels wie „Tasse“ hinzu und vergeben Sie sie mit den Tasten 1 bis 9.
Name des Labels
Label übernehmen
Mehr zu {name}
Name oder Farbe ändern
Aus der Liste entfernen
Taste
Label: {name}
Neue Objekte bekommen: {name}
Die Labels konnten nicht gespeichert werden: {why}
Ein Label braucht einen Namen
Der Name ist zu lang: {name}
Das Label {name} gibt es schon
Es gibt zu viele Labels, um {name} hinzuzufügen
{name} ist keine Farbe
{name} kann keine Taste sein
Bilder
={"one":"{count} Bild","other":"{count} Bilder"}
Nach Zustand zeigen
Suchen
Unsicherste zuerst
Unsicherheit {percent} %
Ordner einklappen
Ordner ausklappen
Mehr zu Bildern
Bilder hinzufügen…
Ziehen Sie Bilder irgendwo auf die Seite.
Kein Bild passt. Ändern Sie Suche oder Filter.
Bilder oder Annotationen hier ablegen
{name} kann nicht hinzugefügt werden: {why}
={"one":"{count} Bild hinzugefügt","other":"{count} Bilder hinzugefügt"}
Ziehen Sie Bilder auf die Seite, oder wählen Sie welche aus.
Bilder wählen
{done} von {total}
Beginnt…
Es hat nicht geklappt
Datensatz exportieren
Formate
Bilder, die sind
={"one":"{count} Bild wird exportiert","other":"{count} Bilder werden exportiert"}
Wählen Sie ein Format
Exportieren
Geschrieben nach {folder}
Der Export ist fertig
Alles konnte erhalten werden.
Herunterladen
Annotationen importieren
Masken einer Datei werden zu Objekten der Bilder mit gleichem Namen und können hier korrigiert werden.
Datei
Format
Nach der Datei selbst
Auch Kästen werden Masken
Importieren
Einige der Bilder haben schon Objekte. Gesperrte Objekte werden nie ersetzt.
Hinzufügen
Ersetzen
Importiert: {objects} in {images}
Import rückgängig machen
Der Import wurde rückgängig gemacht
={"one":"{count} Objekt, das seitdem geändert wurde, bleibt","other":"{count} Objekte, die seitdem geändert wurden, bleiben"}
Objekte für alle neuen Bilder vorschlagen
={"one":"{count} neues Bild bekommt Vorschläge. Bearbeitete Bilder bleiben, wie sie sind.","other":"{count} neue Bilder bekommen Vorschläge. Bearbeitete Bilder bleiben, wie sie sind."}
Was gesucht wird, mit Kommas
Person, Hund
Alles, was zu finden ist
Vorschlagen
Vorschläge: {done} von {total}
Vorschläge: {done} von {total} Kacheln
Ein Rasterbild wird Kachel für Kachel durchsucht, das dauert. promptseg annotate --tile tut dasselbe und macht nach einem Abbruch weiter.
={"one":"{count} Bild hat Vorschläge","other":"{count} Bilder haben Vorschläge"}
Es gibt keine Vorschläge: {why}
={"one":"{count} Bild ist misslungen: {name}: {why}","other":"{count} Bilder sind misslungen, etwa {name}: {why}"}
Zeigen
Als Code kopieren
Befehl
Kopieren: {what}
{what} kopiert
Der Browser erlaubt das Kopieren nicht: Text markieren und kopieren
Er findet dieselben Masken wie Ihre Eingaben. Von Hand Gemaltes ist nicht darin.
Hier wurde nichts eingegeben: Es gibt keinen Code zu kopieren
Auf zwei Seiten geändert
={"one":"{count} Objekt von {name} wurde hier und auf einer anderen Seite geändert.","other":"{count} Objekte von {name} wurden hier und auf einer anderen Seite geändert."}
Noch ist nichts verloren. Wählen Sie für jedes Objekt, welche Fassung bleibt. Alle anderen Änderungen werden zusammengeführt.
Meine
Von der anderen Seite
Für alle Objekte
Alle meine
Alle von der anderen Seite
Gewählte behalten
Gelöscht
Verschieden: {what}
Label
Umriss
Farbe
Attribute
Sichtbarkeit
Sperre
Der Ausschnitt ist in der Zwischenablage
Der Ausschnitt konnte nicht kopiert werden: {why}
Übereinstimmung mit der Wahrheit
Mittlere IoU
Maske in Arbeit
fehlt
zu viel
und {count} weitere
Tipp
{at} von {of}
Lassen Sie den Zeiger auf etwas ruhen, um die Maske zu sehen. Klicken, Punkte ergänzen, mit Enter behalten.
Fügen Sie hier Ihre Labels hinzu. Die Tasten 1 bis 9 vergeben sie.
Bild fertig? Hier abhaken und das nächste öffnen. Mit ? sehen Sie alle Tasten.
Weiter
Verstanden
Überspringen
Meldungen
Angezeigt mit {width} × {height} Pixeln. Masken haben alle Pixel des Bildes
Das Bild wird kodiert: danach sind Klicks schnell …
Kein Modell hier sucht nach Wörtern. Geben Sie eine Pipeline mit Detektor an: ps.Pipeline().detect("d-fine-n").segment()
Kein Modell hier sucht nach Beispielen. Geben Sie eine Pipeline mit Segmentierer an: ps.Pipeline().segment()
Kein Modell hier findet, was auffällt. Geben Sie eine Pipeline an, die es kann: ps.Pipeline.plan(task="salient").pipeline()
Verfolge die Objekte von diesem Bild an. Wo eine Maske falsch ist, berichtige sie und verfolge von dort weiter.
Video
Stelle im Video
Abspielen
Anhalten
Mehr zum gewählten Objekt
Voriges Bild
Nächstes Bild
Voriges Ereignis oder Schlüsselbild
Nächstes Ereignis oder Schlüsselbild
Es gibt kein weiteres Ereignis
{object} erscheint
{object} ist verloren
{object} ist wiedergefunden
Schlüsselbild von {object}
Bild {frame}
Bild {frame} von {frames}
zu sehen: {objects}
verloren: {objects}
Tempo {speed}
Verfolgen
Vorwärts verfolgen
Rückwärts verfolgen
In beide Richtungen verfolgen
Verfolgen beenden
Das Verfolgen ist fertig
Das Verfolgen wurde beendet
Wird verfolgt
{done} von {total} Bildern
Das Bild wird geöffnet, sobald es ruht
Dasselbe Objekt wie …
Ab diesem Bild nicht da
Angabe zu diesem Bild zurücknehmen
Aus dem Video entfernen
{object} wurde aus dem Video entfernt
Zeitleiste vergrößern
Zeitleiste verkleinern`);var Cs=ne(`Cerrar
Cancelar
Copiar
Reintentar
El estudio no puede iniciarse: {why}
Todas
Nueva
Empezada
Sugerida
Dudosa
Terminada
Sin imagen
{at} de {of}
Estado de la imagen
Estado: {state}
Lista, siguiente
Deshacer: {what}
Rehacer: {what}
Modelo
Exportar
Tema e idioma
Guardado
Guardando…
Sin enviar aún
Conflicto
No guardado
El servidor tiene todos los cambios en su disco
Los cambios van de camino al servidor
Los cambios se guardan en este navegador y se envían cuando el servidor responda
Otra página cambió los mismos objetos
El servidor rechazó un cambio; se conserva en este navegador
={"one":"No se pudieron enviar cambios anteriores de {count} imagen. Se conservan en este navegador.","other":"No se pudieron enviar cambios anteriores de {count} imágenes. Se conservan en este navegador."}
No hay conexión con el servidor. Siga trabajando: se guarda aquí y se envía después.
El servidor no aceptó un cambio: {why}
Tema
Como el sistema
Claro
Oscuro
Idioma
Mostrar de nuevo las pistas
Imagen
Imagen {name}
Área de trabajo
Saltar a la imagen
Objetos y etiquetas
No hay ninguna imagen abierta
{name} se está abriendo
No se puede abrir {name}: {why}
No se puede abrir {name}
Reintente cuando el archivo haya cambiado; para otras opciones, reinicie el estudio. Se puede trabajar en las demás imágenes.
No hay conexión con el servidor
{name} se abrirá en cuanto el servidor responda.
{name}, imagen {at} de {of}, {objects}
La máscara abierta se guardó en {name}
Esta es la primera imagen
Esta es la última imagen
No queda ninguna otra imagen pendiente
La imagen está ahora: {state}
Haga clic en objetos para elegirlos; Mayús para varios
Arrastre para mover, rueda para acercar
Clic en un objeto; clic derecho o Alt quita; Intro acepta
Arrastre una caja alrededor de un objeto; Intro acepta
Pinte en el objeto elegido o en uno nuevo; Alt borra; [ y ] cambian el tamaño
Borre del objeto elegido; [ y ] cambian el tamaño
Rodee una zona para añadirla; con Alt para recortarla
Nombre lo que busca y elija o acepte todo
Haga clic en un objeto o encuadre un ejemplo
Busque todo y haga clic en lo que quiera conservar
Busque lo que destaca y elija lo que conserva
Zoom: un píxel por píxel
Teclas
Herramientas
En la imagen
Objetos
Etiquetas
Imágenes
Vista
La rueda acerca y aleja. Mantenga Espacio o el botón central para mover la imagen. Dos dedos hacen ambas cosas. Un clic derecho o una pulsación larga abre un menú; mientras se hace una máscara, el clic derecho quita.
Herramientas
Seleccionar
Mover la imagen
Punto
Caja
Pincel
Borrador
Lazo
Buscar por palabras
Buscar parecidos
Todo
Lo que destaca
Mover la cruz
Clic ahí
Esto no
Otra máscara
Aceptar
Descartar
Quitar el último punto
Pincel menor, mayor
Deshacer
Rehacer
Elegir todos
Objeto siguiente
Objeto anterior
Eliminar
Cambiar la etiqueta
Refinar con puntos
Ocultar o mostrar
Bloquear o desbloquear
Traer adelante
Enviar atrás
Unir
Separar en partes
Rellenar huecos
Recortar de los demás
Suavizar
Copiar el recorte
Copiar de la imagen anterior
Copiar como código
Menú de un objeto
Dar una etiqueta
Quitar la etiqueta
Añadir una etiqueta
Imagen siguiente
Imagen anterior
Siguiente pendiente
Terminada o no
Terminada, y a la siguiente
Dudosa o no
Buscar imágenes
Acercar
Alejar
Ver toda la imagen
Diferencias con la verdad
Carpeta en cuadrícula
Exportar
Ayuda: todas las teclas
={"one":"Máscara añadida, {count} objeto","other":"Máscara añadida, {count} objetos"}
={"one":"{count} objeto añadido","other":"{count} objetos añadidos"}
={"one":"{count} ya estaba","other":"{count} ya estaban"}
{added}; {there}
={"one":"{count} objeto encontrado","other":"{count} objetos encontrados"}
={"one":"{count} objeto eliminado","other":"{count} objetos eliminados"}
={"one":"{count} objeto elegido","other":"{count} objetos elegidos"}
{label}: elegido
Objeto sin etiqueta
Máscara {at} de {of}
No quedó nada del objeto: se eliminó
No funcionó: {why}
El objeto está bloqueado
No se encuentra nada ahí
No hay nada que borrar: elija antes un objeto
Añadir objeto
={"one":"Añadir {count} objeto","other":"Añadir {count} objetos"}
Refinar objeto
Borrar
Pintar
Añadir con lazo
Recortar con lazo
={"one":"Eliminar {count} objeto","other":"Eliminar {count} objetos"}
Un momento…
Preparando la imagen para la primera máscara…
Refine con más puntos
puntuación {score}
Aceptar
Otra
{at} / {of}
Vista previa bajo el puntero
Tamaño
{pixels} px
La presión del lápiz cambia el tamaño
Qué buscar
una taza, una cuchara
Modelo
Buscar
Desde una puntuación de
Haga clic en un objeto de la imagen o encuadre un ejemplo.
Detalle
Grueso, rápido
Normal
Fino, lento
Buscar todo
Buscar lo que destaca
Lo encontrado
={"one":"{count} encontrado","other":"{count} encontrados"}
({count} por debajo)
No se encuentra nada
Busca en la parte que se muestra y en ninguna otra. Acerque la imagen para objetos pequeños.
Aceptar {label}, puntuación {score}
Aceptar todo
Limpiar
Ningún modelo admite puntos.
Ningún modelo admite cajas.
Ningún modelo busca por palabras. Inicie el estudio con uno: promptseg studio --detector d-fine-n
Ningún modelo busca por ejemplos. Inicie el estudio con uno: promptseg studio --concept exemplar
Ningún modelo encuentra todo.
Ningún modelo encuentra lo que destaca. Inicie el estudio con uno: promptseg studio --detector u2netp
Cargando el modelo…
Objetos
={"one":"{count} objeto","other":"{count} objetos"}
={"one":"{count} objeto elegido","other":"{count} objetos elegidos"}
={"one":"{count} objeto eliminado","other":"{count} objetos eliminados"}
Aún no hay objetos
Haga clic en algo de la imagen.
sin etiqueta
Puntuación {score}
Arrastre para cambiar el orden
Más para objetos
Ocultar {name}
Mostrar {name}
Bloquear {name}
Desbloquear {name}
Mostrar todos los objetos
Una sugerencia
Menú del objeto
Menú de la imagen
Unir con los elegidos
Ocultar
Mostrar
Bloquear
Desbloquear
Objetos elegidos
Elija un objeto para cambiarlo
Etiqueta
Etiquetas distintas
Color
Editar
Atributos
Añadir un atributo
Quitar el atributo {name}
Nombre
Valor
Unir
Separar
Rellenar huecos
Recortar de los demás
Suavizar
Eliminar
Adelante
Atrás
Ocultar o mostrar
Bloquear o desbloquear
Etiqueta
Color
Atributos
Orden
Estado
Copiar de la imagen anterior
No hay nada que cambiar
Las etiquetas eran distintas: el objeto unido tiene la del mayor, «{name}»
Los objetos elegidos están bloqueados
Elija antes un objeto
No hay imagen anterior
{name} no tiene objetos
{name} tiene otro tamaño: sus objetos no encajan
={"one":"{count} objeto copiado de {name}","other":"{count} objetos copiados de {name}"}
Deshecho: {what}
Rehecho: {what}
No hay nada que deshacer
No hay nada que rehacer
={"one":"{count} objeto fue cambiado por otra página y queda como está","other":"{count} objetos fueron cambiados por otra página y quedan como están"}
Etiquetas
Añada etiquetas como «taza» y délas con las teclas 1 a 9.
Nombre de la etiqueta
Guardar la etiqueta
Más para {name}
Cambiar nombre o color
Quitar de la lista
Tecla
Etiqueta: {name}
Los objetos nuevos reciben: {name}
No se pudieron guardar las etiquetas: {why}
Una etiqueta necesita un nombre
El nombre es demasiado largo: {name}
Ya existe la etiqueta {name}
Hay demasiadas etiquetas para añadir {name}
{name} no es un color
{name} no puede ser una tecla
Imágenes
={"one":"{count} imagen","other":"{count} imágenes"}
Mostrar por estado
Buscar
Las más dudosas primero
duda {percent} %
Plegar la carpeta
Desplegar la carpeta
Más para imágenes
Añadir imágenes…
Suelte imágenes en cualquier lugar de la página.
Ninguna imagen coincide. Cambie la búsqueda o el filtro.
Suelte aquí imágenes o anotaciones
No se puede añadir {name}: {why}
={"one":"{count} imagen añadida","other":"{count} imágenes añadidas"}
Suelte imágenes en la página o elija algunas.
Elegir imágenes
{done} de {total}
Empezando…
No funcionó
Exportar el conjunto de datos
Formatos
Imágenes
={"one":"Se exportará {count} imagen","other":"Se exportarán {count} imágenes"}
Elija un formato
Exportar
Escrito en {folder}
La exportación ha terminado
Se pudo conservar todo.
Descargar
Importar anotaciones
Las máscaras de un archivo pasan a ser objetos de las imágenes con el mismo nombre, para corregirlas aquí.
Archivo
Formato
Según el archivo
Las cajas también se vuelven máscaras
Importar
Algunas de las imágenes ya tienen objetos. Los objetos bloqueados nunca se reemplazan.
Añadir
Reemplazar
Importado: {objects} en {images}
Deshacer la importación
Se deshizo la importación
={"one":"Queda {count} objeto que cambió desde entonces","other":"Quedan {count} objetos que cambiaron desde entonces"}
Sugerir objetos en todas las imágenes nuevas
={"one":"{count} imagen nueva recibe sugerencias. Las que ya tocó no cambian.","other":"{count} imágenes nuevas reciben sugerencias. Las que ya tocó no cambian."}
Qué buscar, separado por comas
persona, perro
Todo lo que se encuentre
Sugerir
Sugiriendo: {done} de {total}
Sugiriendo: {done} de {total} teselas
Un ráster se recorre tesela por tesela, lo que tarda. promptseg annotate --tile hace lo mismo y continúa tras una interrupción.
={"one":"{count} imagen tiene sugerencias","other":"{count} imágenes tienen sugerencias"}
No se hicieron sugerencias: {why}
={"one":"{count} imagen ha fallado: {name}: {why}","other":"{count} imágenes han fallado, como {name}: {why}"}
Mostrar
Copiar como código
Comando
Copiar: {what}
{what}: copiado
El navegador no permitió copiar: marque el texto y cópielo
Encuentra las mismas máscaras que sus indicaciones. Lo pintado a mano no está incluido.
Aquí no se indicó nada: no hay código que copiar
Cambiado en dos páginas
={"one":"{count} objeto de {name} se cambió aquí y en otra página.","other":"{count} objetos de {name} se cambiaron aquí y en otra página."}
Nada se ha perdido. Elija para cada objeto la versión que se conserva. Los demás cambios se combinan.
La mía
De la otra página
Para todos los objetos
Todas las mías
Todas de la otra página
Conservar las elegidas
Eliminado
Diferente: {what}
etiqueta
contorno
color
atributos
visibilidad
bloqueo
El recorte está en el portapapeles
No se pudo copiar el recorte: {why}
Concordancia con la verdad
IoU media
Máscara en curso
falta
sobra
y {count} más
Pista
{at} de {of}
Deje el puntero sobre algo para ver su máscara. Haga clic, añada puntos y pulse Intro.
Añada aquí sus etiquetas. Las teclas 1 a 9 las asignan.
¿Terminó una imagen? Esto la marca y abre la siguiente. Pulse ? para ver todas las teclas.
Siguiente
Entendido
Omitir
Mensajes
Se muestra a {width} × {height} píxeles. Las máscaras tienen todos los píxeles de la imagen
Codificando la imagen: después los clics serán rápidos…
Ningún modelo busca aquí por palabras. Dé un pipeline con un detector: ps.Pipeline().detect("d-fine-n").segment()
Ningún modelo busca aquí por ejemplos. Dé un pipeline con un segmentador: ps.Pipeline().segment()
Ningún modelo encuentra aquí lo que destaca. Dé un pipeline que lo haga: ps.Pipeline.plan(task="salient").pipeline()
Sigue los objetos desde este fotograma. Donde una máscara esté mal, corrígela y sigue desde allí.
Vídeo
Posición en el vídeo
Reproducir
Pausa
Más para el objeto elegido
Fotograma anterior
Fotograma siguiente
Evento o fotograma clave anterior
Evento o fotograma clave siguiente
No hay más eventos
{object} aparece
{object} se ha perdido
{object} se ha vuelto a encontrar
Fotograma clave de {object}
fotograma {frame}
fotograma {frame} de {frames}
visibles: {objects}
perdidos: {objects}
Velocidad {speed}
Seguir
Seguir hacia delante
Seguir hacia atrás
Seguir en ambas direcciones
Detener el seguimiento
El seguimiento ha terminado
El seguimiento se ha detenido
Siguiendo
{done} de {total} fotogramas
El fotograma se abre cuando se detiene
El mismo objeto que …
No está desde este fotograma
Retirar lo indicado en este fotograma
Quitar del vídeo
{object} se ha quitado del vídeo
Ampliar la línea de tiempo
Reducir la línea de tiempo`);var Rs=ne(`Fechar
Cancelar
Copiar
Tentar de novo
O estúdio não pôde iniciar: {why}
Todas
Nova
Iniciada
Sugerida
Em dúvida
Concluída
Nenhuma imagem
{at} de {of}
Estado da imagem
Estado: {state}
Pronta, próxima
Desfazer: {what}
Refazer: {what}
Modelo
Exportar
Tema e idioma
Salvo
Salvando…
Ainda não enviado
Conflito
Não salvo
O servidor tem todas as alterações em disco
As alterações estão a caminho do servidor
As alterações ficam neste navegador e são enviadas assim que o servidor responder
Outra página alterou os mesmos objetos
O servidor recusou uma alteração; ela fica neste navegador
={"one":"Alterações anteriores de {count} imagem não puderam ser enviadas. Elas ficam neste navegador.","other":"Alterações anteriores de {count} imagens não puderam ser enviadas. Elas ficam neste navegador."}
Sem conexão com o servidor. Continue: tudo fica aqui e é enviado depois.
O servidor não aceitou uma alteração: {why}
Tema
Como o sistema
Claro
Escuro
Idioma
Mostrar as dicas de novo
Imagem
Imagem {name}
Área de trabalho
Ir para a imagem
Objetos e rótulos
Nenhuma imagem aberta
{name} está sendo aberta
Não foi possível abrir {name}: {why}
Não foi possível abrir {name}
Tente de novo quando o arquivo mudar; para outras opções, reinicie o estúdio. As outras imagens podem ser trabalhadas.
Sem conexão com o servidor
{name} será aberta assim que o servidor responder.
{name}, imagem {at} de {of}, {objects}
A máscara aberta foi guardada em {name}
Esta é a primeira imagem
Esta é a última imagem
Não há outra imagem pendente
A imagem está agora: {state}
Clique em objetos para escolher; Shift para vários
Arraste para mover, roda para zoom
Clique num objeto; botão direito ou Alt remove; Enter aceita
Arraste uma caixa em volta do objeto; Enter aceita
Pinte no objeto escolhido ou num novo; Alt apaga; [ e ] mudam o tamanho
Apague do objeto escolhido; [ e ] mudam o tamanho
Contorne uma área para adicionar; com Alt para recortar
Diga o que procurar; depois escolha ou aceite tudo
Clique num objeto ou enquadre um exemplo
Encontre tudo e clique no que quer manter
Encontre o que se destaca e clique no que quer manter
Zoom: um pixel por pixel
Teclas
Ferramentas
Na imagem
Objetos
Rótulos
Imagens
Visualização
A roda dá zoom. Segure Espaço ou o botão do meio para mover a imagem. Dois dedos fazem ambos. O botão direito ou um toque longo abre um menu; enquanto se faz uma máscara, o botão direito remove.
Ferramentas
Selecionar
Mover a imagem
Ponto
Caixa
Pincel
Borracha
Laço
Buscar por palavras
Buscar parecidos
Tudo
O que se destaca
Mover a mira
Clicar ali
Isto não
Outra máscara
Aceitar
Descartar
Retirar o último ponto
Pincel menor, maior
Desfazer
Refazer
Escolher todos
Próximo objeto
Objeto anterior
Excluir
Mudar o rótulo
Refinar com pontos
Ocultar ou mostrar
Bloquear ou desbloquear
Trazer à frente
Enviar para trás
Unir
Separar em partes
Preencher buracos
Recortar dos outros
Suavizar
Copiar o recorte
Copiar da imagem anterior
Copiar como código
Menu de um objeto
Dar um rótulo
Tirar o rótulo
Adicionar um rótulo
Próxima imagem
Imagem anterior
Próxima pendente
Concluída ou não
Concluída, e para a próxima
Em dúvida ou não
Buscar imagens
Ampliar
Reduzir
Ver a imagem toda
Diferenças da verdade
Pasta em grade
Exportar
Ajuda: todas as teclas
={"one":"Máscara adicionada, {count} objeto","other":"Máscara adicionada, {count} objetos"}
={"one":"{count} objeto adicionado","other":"{count} objetos adicionados"}
={"one":"{count} já estava","other":"{count} já estavam"}
{added}; {there}
={"one":"{count} objeto encontrado","other":"{count} objetos encontrados"}
={"one":"{count} objeto excluído","other":"{count} objetos excluídos"}
={"one":"{count} objeto escolhido","other":"{count} objetos escolhidos"}
{label}: escolhido
Objeto sem rótulo
Máscara {at} de {of}
Nada restou do objeto: foi excluído
Não funcionou: {why}
O objeto está bloqueado
Nada encontrado ali
Não há o que apagar: escolha um objeto antes
Adicionar objeto
={"one":"Adicionar {count} objeto","other":"Adicionar {count} objetos"}
Refinar objeto
Apagar
Pintar
Adicionar com laço
Recortar com laço
={"one":"Excluir {count} objeto","other":"Excluir {count} objetos"}
Um momento…
Preparando a imagem para a primeira máscara…
Refine com mais pontos
pontuação {score}
Aceitar
Outra
{at} / {of}
Prévia sob o ponteiro
Tamanho
{pixels} px
A pressão da caneta muda o tamanho
O que procurar
uma xícara, uma colher
Modelo
Buscar
A partir da pontuação
Clique num objeto da imagem ou enquadre um exemplo.
Detalhe
Grosso, rápido
Normal
Fino, lento
Encontrar tudo
Buscar o que se destaca
O que foi encontrado
={"one":"{count} encontrado","other":"{count} encontrados"}
({count} abaixo)
Nada encontrado
Procura na parte que é mostrada e em nenhuma outra. Aproxime a imagem para objetos pequenos.
Aceitar {label}, pontuação {score}
Aceitar tudo
Limpar
Nenhum modelo aqui aceita pontos.
Nenhum modelo aqui aceita caixas.
Nenhum modelo aqui busca por palavras. Inicie o estúdio com um: promptseg studio --detector d-fine-n
Nenhum modelo aqui busca por exemplos. Inicie o estúdio com um: promptseg studio --concept exemplar
Nenhum modelo aqui encontra tudo.
Nenhum modelo aqui encontra o que se destaca. Inicie o estúdio com um: promptseg studio --detector u2netp
Carregando o modelo…
Objetos
={"one":"{count} objeto","other":"{count} objetos"}
={"one":"{count} objeto escolhido","other":"{count} objetos escolhidos"}
={"one":"{count} objeto excluído","other":"{count} objetos excluídos"}
Ainda não há objetos
Clique em algo na imagem.
sem rótulo
Pontuação {score}
Arraste para mudar a ordem
Mais para objetos
Ocultar {name}
Mostrar {name}
Bloquear {name}
Desbloquear {name}
Mostrar todos os objetos
Uma sugestão
Menu do objeto
Menu da imagem
Unir com os escolhidos
Ocultar
Mostrar
Bloquear
Desbloquear
Objetos escolhidos
Escolha um objeto para mudá-lo
Rótulo
Rótulos diferentes
Cor
Editar
Atributos
Adicionar um atributo
Remover o atributo {name}
Nome
Valor
Unir
Separar
Preencher buracos
Recortar dos outros
Suavizar
Excluir
Para a frente
Para trás
Ocultar ou mostrar
Bloquear ou desbloquear
Rótulo
Cor
Atributos
Ordem
Estado
Copiar da imagem anterior
Não há nada a mudar
Os rótulos eram diferentes: o objeto unido tem o do maior, “{name}”
Os objetos escolhidos estão bloqueados
Escolha um objeto antes
Não há imagem anterior
{name} não tem objetos
{name} tem outro tamanho: os objetos não servem
={"one":"{count} objeto copiado de {name}","other":"{count} objetos copiados de {name}"}
Desfeito: {what}
Refeito: {what}
Não há nada a desfazer
Não há nada a refazer
={"one":"{count} objeto foi alterado por outra página e fica como está","other":"{count} objetos foram alterados por outra página e ficam como estão"}
Rótulos
Adicione rótulos como “xícara” e use as teclas 1 a 9.
Nome do rótulo
Guardar o rótulo
Mais para {name}
Mudar nome ou cor
Remover da lista
Tecla
Rótulo: {name}
Novos objetos recebem: {name}
Não foi possível guardar os rótulos: {why}
Um rótulo precisa de um nome
O nome é longo demais: {name}
Já existe o rótulo {name}
Há rótulos demais para adicionar {name}
{name} não é uma cor
{name} não pode ser uma tecla
Imagens
={"one":"{count} imagem","other":"{count} imagens"}
Mostrar por estado
Buscar
Mais duvidosas primeiro
dúvida {percent} %
Recolher a pasta
Expandir a pasta
Mais para imagens
Adicionar imagens…
Solte imagens em qualquer lugar da página.
Nenhuma imagem corresponde. Mude a busca ou o filtro.
Solte imagens ou anotações aqui
Não foi possível adicionar {name}: {why}
={"one":"{count} imagem adicionada","other":"{count} imagens adicionadas"}
Solte imagens na página ou escolha algumas.
Escolher imagens
{done} de {total}
Começando…
Não funcionou
Exportar o conjunto de dados
Formatos
Imagens
={"one":"{count} imagem será exportada","other":"{count} imagens serão exportadas"}
Escolha um formato
Exportar
Gravado em {folder}
A exportação terminou
Tudo pôde ser mantido.
Baixar
Importar anotações
As máscaras de um arquivo viram objetos das imagens de mesmo nome, para correção aqui.
Arquivo
Formato
Pelo próprio arquivo
As caixas também viram máscaras
Importar
Algumas das imagens já têm objetos. Objetos bloqueados nunca são substituídos.
Adicionar
Substituir
Importado: {objects} em {images}
Desfazer a importação
A importação foi desfeita
={"one":"Fica {count} objeto alterado desde então","other":"Ficam {count} objetos alterados desde então"}
Sugerir objetos em todas as imagens novas
={"one":"{count} imagem nova recebe sugestões. As que você já tocou não mudam.","other":"{count} imagens novas recebem sugestões. As que você já tocou não mudam."}
O que procurar, com vírgulas
pessoa, cachorro
Tudo o que for encontrado
Sugerir
Sugerindo: {done} de {total}
Sugerindo: {done} de {total} blocos
Um raster é percorrido bloco por bloco, o que demora. promptseg annotate --tile faz o mesmo e continua depois de uma interrupção.
={"one":"{count} imagem tem sugestões","other":"{count} imagens têm sugestões"}
Nenhuma sugestão foi feita: {why}
={"one":"{count} imagem falhou: {name}: {why}","other":"{count} imagens falharam, como {name}: {why}"}
Mostrar
Copiar como código
Comando
Copiar: {what}
{what}: copiado
O navegador não permitiu copiar: selecione o texto e copie
Encontra as mesmas máscaras que suas indicações. O que foi pintado à mão não está incluído.
Nada foi indicado aqui: não há código a copiar
Alterado em duas páginas
={"one":"{count} objeto de {name} foi alterado aqui e em outra página.","other":"{count} objetos de {name} foram alterados aqui e em outra página."}
Nada se perdeu até agora. Escolha para cada objeto a versão que fica. As demais alterações são combinadas.
A minha
Da outra página
Para todos os objetos
Todas as minhas
Todas da outra página
Manter as escolhidas
Excluído
Diferente: {what}
rótulo
contorno
cor
atributos
visibilidade
bloqueio
O recorte está na área de transferência
Não foi possível copiar o recorte: {why}
Concordância com a verdade
IoU média
Máscara em andamento
falta
sobra
e mais {count}
Dica
{at} de {of}
Pare o ponteiro sobre algo para ver a máscara. Clique, adicione pontos e tecle Enter para manter.
Adicione seus rótulos aqui. As teclas 1 a 9 os atribuem.
Terminou uma imagem? Isto a marca e abre a próxima. Tecle ? para ver todas as teclas.
Próxima
Entendi
Pular
Mensagens
Exibida com {width} × {height} pixels. As máscaras têm todos os pixels da imagem
Codificando a imagem: depois os cliques serão rápidos…
Nenhum modelo aqui busca por palavras. Dê um pipeline com um detector: ps.Pipeline().detect("d-fine-n").segment()
Nenhum modelo aqui busca por exemplos. Dê um pipeline com um segmentador: ps.Pipeline().segment()
Nenhum modelo aqui encontra o que se destaca. Dê um pipeline que o faça: ps.Pipeline.plan(task="salient").pipeline()
Rastreie os objetos a partir deste quadro. Onde uma máscara estiver errada, corrija-a e continue dali.
Vídeo
Posição no vídeo
Reproduzir
Pausar
Mais para o objeto escolhido
Quadro anterior
Próximo quadro
Evento ou quadro-chave anterior
Próximo evento ou quadro-chave
Não há mais eventos
{object} aparece
{object} foi perdido
{object} foi reencontrado
Quadro-chave de {object}
quadro {frame}
quadro {frame} de {frames}
visíveis: {objects}
perdidos: {objects}
Velocidade {speed}
Rastrear
Rastrear para a frente
Rastrear para trás
Rastrear nas duas direções
Parar o rastreamento
O rastreamento terminou
O rastreamento foi parado
Rastreando
{done} de {total} quadros
O quadro é aberto quando para
O mesmo objeto que …
Ausente a partir deste quadro
Retirar o que foi dito deste quadro
Remover do vídeo
{object} foi removido do vídeo
Ampliar a linha do tempo
Reduzir a linha do tempo`);var Bs=ne(`关闭
取消
复制
重试
工作室无法启动：{why}
全部
新
进行中
建议
存疑
完成
没有图像
第 {at} / {of} 张
图像状态
状态：{state}
完成，下一张
撤销：{what}
重做：{what}
模型
导出
主题与语言
已保存
正在保存…
尚未发送
冲突
未保存
服务器已将所有更改写入磁盘
更改正在发送到服务器
更改保存在此浏览器中，服务器恢复后立即发送
另一个页面修改了相同的对象
服务器拒绝了一项更改；该更改保留在此浏览器中
={"other":"{count} 张图像的早期更改无法发送，已保留在此浏览器中。"}
无法连接服务器。请继续：您的工作保存在本地，稍后发送。
服务器未接受更改：{why}
主题
跟随系统
浅色
深色
语言
再次显示提示
图像
图像 {name}
工作区
跳到图像
对象与标签
没有打开的图像
正在打开 {name}
无法打开 {name}：{why}
无法打开 {name}
文件更改后请重试；要更改选项，请重新启动工作室。其他图像不受影响。
无法连接服务器
服务器一旦响应，就会打开 {name}。
{name}，第 {at} / {of} 张，{objects}
未确认的掩码已保留在 {name} 中
这是第一张图像
这是最后一张图像
没有其他待处理的图像
图像现在是：{state}
点击选择对象，按住 Shift 可多选
拖动平移，滚轮缩放
点击对象；右键或 Alt 去除；Enter 接受
拖动框住对象；Enter 接受
在所选或新对象上绘制；Alt 擦除；[ 和 ] 改变大小
从所选对象擦除；[ 和 ] 改变大小
圈出区域以添加；按住 Alt 剪除
输入要查找的内容，然后选择或全部接受
点击对象，或框选一个示例
查找全部，然后点击要保留的对象
查找显著对象，然后点击要保留的对象
缩放：原始像素大小
快捷键
工具
图像上
对象
标签
图像列表
视图
滚轮缩放。按住空格键或中键移动图像。双指可同时完成两者。右键或长按打开菜单；正在制作掩码时，右键去除。
工具
选择
移动图像
点
框
画笔
橡皮擦
套索
按文字查找
查找相似
全部
显著对象
移动十字准星
在该处点击
排除此处
换一个掩码
接受
放弃
撤回上一个点
画笔变小、变大
撤销
重做
全选
下一个对象
上一个对象
删除
更改标签
用点细化
隐藏或显示
锁定或解锁
前移一层
后移一层
合并
拆分为部分
填充孔洞
从其他对象中剪除
平滑
复制抠图
从上一张图像复制
复制为代码
对象菜单
指定标签
移除标签
添加标签
下一张图像
上一张图像
下一张未完成
标记完成或取消
完成并前往下一张
标记存疑或取消
搜索图像
放大
缩小
显示整张图像
与真值的差异
网格显示文件夹
导出
帮助：所有快捷键
={"other":"已添加掩码，{count} 个对象"}
={"other":"已添加 {count} 个对象"}
={"other":"{count} 个已存在"}
{added}；{there}
={"other":"找到 {count} 个对象"}
={"other":"已删除 {count} 个对象"}
={"other":"已选择 {count} 个对象"}
已选择 {label}
无标签对象
掩码 {at} / {of}
对象已被擦空并删除
操作失败：{why}
对象已锁定
该处未找到对象
没有可擦除的内容：请先选择对象
添加对象
={"other":"添加 {count} 个对象"}
细化对象
擦除
绘制
用套索添加
用套索剪除
={"other":"删除 {count} 个对象"}
请稍候…
正在为第一个掩码准备图像…
用更多点细化
得分 {score}
接受
其他
{at} / {of}
指针下预览
大小
{pixels} 像素
笔压改变大小
要查找的内容
杯子，勺子
模型
查找
最低得分
点击图像中的对象，或框选一个示例。
精细程度
粗略，快速
标准
精细，较慢
查找全部
查找显著对象
查找结果
={"other":"找到 {count} 个"}
（{count} 个低于阈值）
未找到
只在显示的部分中查找。要找小物体，请放大。
接受 {label}，得分 {score}
全部接受
清除
没有支持点提示的模型。
没有支持框提示的模型。
没有支持文字查找的模型。请用模型启动工作室：promptseg studio --detector d-fine-n
没有支持示例查找的模型。请用模型启动工作室：promptseg studio --concept exemplar
没有支持查找全部的模型。
没有查找显著对象的模型。请用模型启动工作室：promptseg studio --detector u2netp
正在加载模型…
对象
={"other":"{count} 个对象"}
={"other":"已选择 {count} 个对象"}
={"other":"已删除 {count} 个对象"}
还没有对象
点击图像中的内容。
无标签
得分 {score}
拖动以更改顺序
更多对象操作
隐藏 {name}
显示 {name}
锁定 {name}
解锁 {name}
显示所有对象
建议
对象菜单
图像菜单
与所选对象合并
隐藏
显示
锁定
解锁
所选对象
选择一个对象以进行更改
标签
不同的标签
颜色
编辑
属性
添加属性
移除属性 {name}
名称
值
合并
拆分
填充孔洞
从其他对象中剪除
平滑
删除
前移
后移
隐藏或显示
锁定或解锁
标签
颜色
属性
顺序
状态
从上一张图像复制
没有可更改的内容
标签不同：合并后的对象采用最大对象的标签“{name}”
所选对象已锁定
请先选择一个对象
没有上一张图像
{name} 没有对象
{name} 尺寸不同，对象不适用
={"other":"已从 {name} 复制 {count} 个对象"}
已撤销：{what}
已重做：{what}
没有可撤销的操作
没有可重做的操作
={"other":"{count} 个对象已被其他页面修改，保持不变"}
标签
添加“杯子”之类的标签，用数字键 1 到 9 指定。
标签名称
保存标签
{name} 的更多操作
重命名或改色
从列表移除
按键
标签：{name}
新对象的标签：{name}
无法保存标签：{why}
标签需要名称
名称过长：{name}
标签 {name} 已存在
标签过多，无法添加 {name}
{name} 不是颜色
{name} 不能作为按键
图像
={"other":"{count} 张图像"}
按状态显示
搜索
最存疑的在前
疑度 {percent} %
折叠文件夹
展开文件夹
更多图像操作
添加图像…
将图像拖放到页面任意位置。
没有匹配的图像。请更改搜索或筛选。
将图像或标注拖放到此处
无法添加 {name}：{why}
={"other":"已添加 {count} 张图像"}
将图像拖放到页面，或选择文件。
选择图像
{done} / {total}
正在开始…
操作失败
导出数据集
格式
图像范围
={"other":"将导出 {count} 张图像"}
请选择格式
导出
已写入 {folder}
导出完成
所有内容均已保留。
下载
导入标注
文件中的掩码将成为同名图像的对象，可在此修正。
文件
格式
根据文件判断
方框也转为掩码
导入
部分图像已有对象。锁定的对象不会被替换。
添加
替换
已导入：{images}，{objects}
撤销导入
已撤销导入
={"other":"此后修改过的 {count} 个对象保留不变"}
为所有新图像建议对象
={"other":"{count} 张新图像将获得建议。您处理过的图像保持不变。"}
要查找的内容，用逗号分隔
人，狗
所有可找到的对象
建议
正在建议：{done} / {total}
正在建议：{done} / {total} 个图块
栅格会逐图块查找，耗时较长。promptseg annotate --tile 做同样的事，并可在中断后继续。
={"other":"{count} 张图像有建议"}
未能生成建议：{why}
={"other":"{count} 张图像失败，例如 {name}：{why}"}
查看
复制为代码
命令
复制：{what}
已复制 {what}
浏览器不允许复制：请选中文本后复制
它会得到与您的提示相同的掩码，不包含手绘内容。
此处没有提示，没有可复制的代码
两个页面同时修改
={"other":"{name} 的 {count} 个对象在此处和另一个页面都被修改。"}
目前没有丢失任何内容。请为每个对象选择要保留的版本。其他更改会合并。
我的
另一个页面的
对所有对象
全部用我的
全部用另一个页面的
保留所选版本
已删除
不同之处：{what}
标签
轮廓
颜色
属性
可见性
锁定
抠图已复制到剪贴板
无法复制抠图：{why}
与真值的一致程度
平均 IoU
当前掩码
缺失
多余
以及另外 {count} 个
提示
{at} / {of}
将指针停在物体上查看掩码。点击、添加点，按 Enter 保留。
在此添加标签，用数字键 1 到 9 指定。
完成一张图像？点此标记并打开下一张。按 ? 查看所有快捷键。
下一个
知道了
跳过
消息
以 {width} × {height} 像素显示。掩膜包含图像的全部像素
正在编码图像：之后点击会很快…
此处没有可按文字查找的模型。请提供带检测器的管道：ps.Pipeline().detect("d-fine-n").segment()
此处没有可按示例查找的模型。请提供带分割器的管道：ps.Pipeline().segment()
此处没有可查找显著物的模型。请提供可行的管道：ps.Pipeline.plan(task="salient").pipeline()
从此帧开始跟踪对象。如果掩膜有误，请更正后从该处继续跟踪。
视频
视频中的位置
播放
暂停
所选对象的更多操作
上一帧
下一帧
上一个事件或关键帧
下一个事件或关键帧
没有更多事件
{object} 出现
{object} 丢失
{object} 重新找到
{object} 的关键帧
第 {frame} 帧
第 {frame} 帧，共到 {frames}
可见：{objects}
丢失：{objects}
速度 {speed}
跟踪
向前跟踪
向后跟踪
双向跟踪
停止跟踪
跟踪完成
跟踪已停止
正在跟踪
{done} / {total} 帧
画面静止后即可编辑
与此对象相同 …
从此帧起不在画面中
撤回此帧的标注
从视频中移除
{object} 已从视频中移除
放大时间轴
缩小时间轴`);var so={en:"English",es:"Español",de:"Deutsch",pt:"Português",zh:"中文"},Ds={en:Is,es:Cs,de:Ls,pt:Rs,zh:Bs},Ns="promptseg.studio.language",ve=Ga()??Wa(_a());function Fe(){return ve}function zs(s){ve=s;try{localStorage.setItem(Ns,s)}catch{return}}function c(s,e={}){return Fs(Ds[ve][s]??s,e)}function w(s,e,t={}){let n=Ds[ve][s];return Fs(n[new Intl.PluralRules(ve).select(e)]??n.other,{count:e,...t})}function Wa(s){return s.map(e=>e.toLowerCase().split("-")[0]).find(Hs)??"en"}function Fs(s,e){return s.replace(/\{(\w+)\}/g,(t,n)=>{let o=e[n];return o===void 0?t:typeof o=="number"?new Intl.NumberFormat(ve).format(o):o})}function _a(){return typeof navigator>"u"?[]:navigator.languages}function Ga(){try{let s=localStorage.getItem(Ns);return Hs(s)?s:null}catch{return null}}function Hs(s){return s!=null&&Object.hasOwn(so,s)}var io="entries",xt=class{database;running=0;constructor(e){this.database=Ja(e).catch(()=>null)}get isSettled(){return this.running===0}put(e,t){this.run(n=>n.put(t,e))}delete(e){this.run(t=>t.delete(e))}async all(){let[e,t]=await Promise.all([this.run(n=>n.getAllKeys()),this.run(n=>n.getAll())]);return(e??[]).map((n,o)=>[n,t?.[o]])}async run(e){this.running+=1;try{let t=await this.database;if(t===null)return null;let n=t.transaction(io,"readwrite"),o=e(n.objectStore(io));return await new Promise((i,r)=>{n.oncomplete=()=>i(),n.onabort=()=>r(n.error??new Error("the database has aborted"))}),o.result}catch{return null}finally{this.running-=1}}};function Ja(s){return new Promise((e,t)=>{let n=indexedDB.open(s,1);n.onupgradeneeded=()=>{n.result.createObjectStore(io)},n.onsuccess=()=>e(n.result),n.onerror=()=>t(n.error??new Error("there is no database"))})}var St={put:[],remove:[]};function U(s){return s.put.length===0&&s.remove.length===0&&s.order===void 0&&s.state===void 0}function we(s){return[...s.put.map(e=>e.uid),...s.remove]}function V(s,e){let t=new Map(s.objects.map(n=>[n.uid,n]));for(let n of e.remove)t.delete(n);for(let n of e.put)t.set(n.uid,n);return{...s,state:e.state??s.state,objects:Za(t,e.order??[])}}function ro(s,e){let[t,n]=[qs(s),qs(e)],o={put:e.objects.filter(r=>!ao(t.get(r.uid),r)),remove:s.objects.flatMap(r=>n.has(r.uid)?[]:[r.uid])},i=V(s,o).objects;return e.objects.some((r,a)=>i[a]?.uid!==r.uid)&&(o.order=e.objects.map(r=>r.uid)),e.state!==s.state&&(o.state=e.state),o}function He(s,e){let t=new Set(e.remove),n=new Map(s.put.filter(a=>!t.has(a.uid)).map(a=>[a.uid,a]));for(let a of e.put)n.set(a.uid,a);let o={put:[...n.values()],remove:[...new Set([...s.remove,...e.remove])].filter(a=>!n.has(a))},i=e.order??s.order,r=e.state??s.state;return i!==void 0&&(o.order=i),r!==void 0&&(o.state=r),o}function ke(s,e){return{...s,put:s.put.filter(t=>!e.has(t.uid)),remove:s.remove.filter(t=>!e.has(t))}}function ao(s,e){return s===void 0||e===void 0||s===e?s===e:le(s)===le(e)}function le(s){return JSON.stringify(s,(e,t)=>Qa(t)?Ya(t):t)}function Ya(s){let e=Object.entries(s).filter(([,t])=>t!==null);return Object.fromEntries(e.sort(([t],[n])=>t<n?-1:1))}function Za(s,e){if(e.length===0)return[...s.values()];let t=[...new Set(e)].flatMap(o=>s.get(o)??[]),n=new Set(e);return[...t,...[...s.values()].filter(o=>!n.has(o.uid))]}function qs(s){return new Map(s.objects.map(e=>[e.uid,e]))}function Qa(s){return typeof s=="object"&&s!==null&&!Array.isArray(s)}function $s(s,e){let t=new Int32Array(s);for(let n=2,o=0;o<s;n++){if(!Xa(n))continue;let i=n**e;t[o++]=(i-Math.floor(i))*4294967296|0}return t}function Xa(s){for(let e=2;e*e<=s;e++)if(s%e===0)return!1;return!0}var el=$s(8,1/2),tl=$s(64,1/3);function lo(s){let e=ol(new TextEncoder().encode(s)),t=el.slice(),n=new Int32Array(64);for(let o=0;o<e.byteLength;o+=64){for(let i=0;i<16;i++)n[i]=e.getInt32(o+4*i);for(let i=16;i<64;i++){let[r,a]=[n[i-15],n[i-2]],l=X(r,7)^X(r,18)^r>>>3,d=X(a,17)^X(a,19)^a>>>10;n[i]=n[i-16]+l+n[i-7]+d}nl(t,n)}return new Uint32Array(t.buffer)}function Ks(s){return Array.from(lo(s),e=>e.toString(16).padStart(8,"0")).join("")}function nl(s,e){let[t,n,o,i,r,a,l,d]=s;for(let h=0;h<64;h++){let m=r&a^~r&l,p=d+(X(r,6)^X(r,11)^X(r,25))+m+tl[h]+e[h]|0,f=t&n^t&o^n&o,g=(X(t,2)^X(t,13)^X(t,22))+f|0;[d,l,a,r,i,o,n,t]=[l,a,r,i+p|0,o,n,t,p+g|0]}[t,n,o,i,r,a,l,d].forEach((h,m)=>{s[m]=s[m]+h})}function ol(s){let e=Math.ceil((s.length+9)/64)*64,t=new Uint8Array(e);t.set(s),t[s.length]=128;let n=new DataView(t.buffer);return n.setUint32(e-8,Math.floor(s.length*8/4294967296)),n.setUint32(e-4,s.length*8%4294967296),n}function X(s,e){return s>>>e|s<<32-e}var ce={change:St,base:{}};function Us(s,e,t){let n={...s.base};for(let o of we(e))o in n||(n[o]=co(Ws(t,o)));return{change:He(s.change,e),base:n}}function Vs(s,e,t){let n=He(s.change,e.change),o=new Set,i=[],r={};for(let a of we(n)){let l=n.put.find(m=>m.uid===a)??null,d=Ws(t,a),h=co(d);if(h===co(l)){o.add(a);continue}h!==s.base[a]&&h!==e.base[a]&&i.push({uid:a,mine:l,theirs:d}),r[a]=h}return{pending:{change:sl(ke(n,o),t),base:r},conflicts:i}}function sl({order:s,state:e,...t},n){let o={...t};if(e!==void 0&&e!==n.state&&(o.state=e),s===void 0)return o;let[i,r]=[V(n,t).objects,V(n,{...t,order:s}).objects];return i.some((a,l)=>a!==r[l])&&(o.order=s),o}function co(s){return s===null?null:Ks(le(s)).slice(0,16)}function Ws(s,e){return s.objects.find(t=>t.uid===e)??null}var v=class{current;listeners=new Set;constructor(e){this.current=e}get value(){return this.current}set(e){if(!Object.is(e,this.current)){this.current=e;for(let t of[...this.listeners]){if(!Object.is(this.current,e))return;this.listeners.has(t)&&it(t,e)}}}update(e){this.set(e(this.current))}subscribe(e){let t=n=>e(n);return this.listeners.add(t),()=>this.listeners.delete(t)}watch(e){let t=this.subscribe(e);return it(e,this.current),t}};var il=500,rl=15e3,Mt=class{constructor(e,t,n=null){this.ports=e;this.server=t,n!==null&&(this.sent=n.sent,this.waiting=n.waiting,n.version!==t.version&&this.settle(t,!1),this.go())}ports;server;sent=ce;waiting=ce;current=new v({state:"saved",reason:null});isSending=!1;isAsking=!1;failures=0;newest=0;timer=null;get status(){return this.current}get document(){return V(V(this.server,this.sent.change),this.waiting.change)}save(e){this.waiting=Us(this.waiting,e,this.document),this.keep(),this.go()}received(e){e.version<=this.server.version||this.isBusy||(this.settle(e,!0),this.go())}told(e){this.newest=Math.max(this.newest,e),this.isBusy||this.catchUp()}retry(){this.failures=0,this.go()}get isBusy(){return this.isSending||this.isAsking||!U(this.sent.change)}async catchUp(){if(this.newest<=this.server.version)return;let e=await this.ports.load().catch(()=>null);e!==null&&this.received(e)}go(){this.timer!==null&&clearTimeout(this.timer),this.timer=null,!this.isSending&&!this.isAsking&&this.sendAll()}async sendAll(){for(this.isSending=!0;this.takeNext();){this.tell("saving");try{this.accepted(await this.ports.send(this.server.version,this.sent.change))}catch(e){if(!this.failed(e))break}}this.isSending=!1,!(!U(this.sent.change)||!U(this.waiting.change))&&(this.tell("saved"),this.catchUp())}takeNext(){if(this.isAsking)return!1;if(U(this.sent.change)){if(U(this.waiting.change))return!1;[this.sent,this.waiting]=[this.waiting,ce],this.keep()}return!0}accepted(e){this.failures=0,this.server={...V(this.server,this.sent.change),version:e.version},this.sent=ce,e.document===null?this.keep():this.settle(e.document,!0)}failed(e){if(e instanceof R&&e.document!==null&&e.document.version!==this.server.version)return this.settle(e.document,!0),!0;let t=e instanceof Error?e.message:String(e);if(e instanceof R&&!e.isPassing)this.putBack(),this.tell("refused",t);else{let n=Math.min(rl,il*2**this.failures++);this.timer=setTimeout(()=>this.go(),Math.max(n,1e3*(e instanceof R?e.retryAfter??0:0))),this.tell("offline",t)}return!1}putBack(){let e={...this.waiting.base,...this.sent.base};this.waiting={change:He(this.sent.change,this.waiting.change),base:e},this.sent=ce,this.keep()}settle(e,t){let{pending:n,conflicts:o}=Vs(this.sent,this.waiting,e);this.server=e,this.sent=ce,this.waiting=n,this.keep(),t&&this.ports.show(this.document),o.length>0&&this.ask(o)}async ask(e){this.isAsking=!0,this.tell("conflict");let t=await this.ports.choose(e).catch(()=>({})),n=new Set(e.map(({uid:o})=>o).filter(o=>t[o]==="theirs"));this.waiting={...this.waiting,change:ke(this.waiting.change,n)},this.isAsking=!1,this.keep(),n.size>0&&this.ports.show(this.document),this.go()}keep(){let{sent:e,waiting:t}=this,n=U(e.change)&&U(t.change);this.ports.keep(n?null:{version:this.server.version,sent:e,waiting:t})}tell(e,t=null){let{state:n,reason:o}=this.current.value;(e!==n||t!==o)&&this.current.set({state:e,reason:t})}};var al=20,ll=["conflict","refused","offline","saving","saved"],Tt=class{constructor(e,t){this.ports=e;this.unsent=t}ports;unsent;queues=new Map;emitter=new K;current=new v({state:"saved",reason:null});notKept=new Set;get status(){return this.current}get wouldLose(){return this.notKept.size>0}open(e,t){let n=[...this.queues].filter(([i,r])=>i!==e&&r.status.value.state==="saved");for(let[i]of n.slice(0,-al))this.queues.delete(i);let o=this.queues.get(e);return o===void 0?this.begin(e,t).document:(o.received(t),this.queues.delete(e),this.queues.set(e,o),o.document)}save(e,t){let n=this.queues.get(e);if(n===void 0)throw new Error(`image ${e} was not opened`);n.save(t)}told(e,t){this.queues.get(e)?.told(t)}onDocument(e){return this.emitter.on("document",e)}async resume(e){let t=[];for(let n of this.unsent.takeOver(e)){if(this.queues.has(n))continue;let o=await this.ports.load(n).catch(()=>null);o===null?t.push(n):this.queues.has(n)||this.begin(n,o)}return t}retry(){for(let e of this.queues.values())e.retry()}async settled(){return new Promise(e=>{let t=this.current.watch(n=>{n.state!=="saving"&&(queueMicrotask(()=>t()),e(n))})})}begin(e,t){let n=new Mt({send:(o,i)=>this.ports.send(e,o,i),load:()=>this.ports.load(e),choose:o=>this.ports.choose(e,o),keep:o=>{o===null&&this.unsent.drop(e),o===null||this.unsent.keep(e,o)?this.notKept.delete(e):this.notKept.add(e)},show:o=>this.emitter.emit("document",{key:e,document:o})},t,this.unsent.get(e));return this.queues.set(e,n),n.status.watch(()=>this.tell()),n}tell(){let e=[...this.queues.values()].map(r=>r.status.value),t=ll.find(r=>e.some(a=>a.state===r))??"saved",n=e.find(r=>r.state===t)?.reason??null,{state:o,reason:i}=this.current.value;(t!==o||n!==i)&&this.current.set({state:t,reason:n})}};var _s="promptseg.studio.unsent";var jt=class{constructor(e,t,n,o=null){this.storage=e;this.dataset=t;this.page=n;this.ledger=o}storage;dataset;page;ledger;number=0;get isSettled(){return this.ledger?.isSettled??!0}keep(e,t){let n=this.name(this.page,e),o=Gs({number:++this.number,unsent:t});this.ledger?.put(n,o);try{return this.storage.setItem(n,o),!0}catch{return!1}}drop(e){this.remove(this.name(this.page,e),++this.number)}get(e){return this.read(this.name(this.page,e))?.unsent??null}async recover(e){for(let[t,n]of await this.ledger?.all()??[]){let o=this.pageOf(t),i=Js(n);o===null||o===this.page||e(o)||i===null||(i.number>(this.read(t)?.number??0)&&this.write(t,i,n),i.unsent===null&&Date.now()-i.time>864e5&&this.ledger?.delete(t))}}takeOver(e){let t=new Set;for(let{name:n,page:o,image:i}of this.entries())if(o===this.page)t.add(i);else if(!t.has(i)&&!e(o)&&this.get(i)===null){let r=this.read(n)?.unsent??null;if(r!==null&&!this.keep(i,r))continue;this.remove(n,Number.MAX_SAFE_INTEGER),r!==null&&t.add(i)}return[...t]}entries(){try{return Array.from({length:this.storage.length},(t,n)=>this.storage.key(n)??"").flatMap(t=>{let n=this.pageOf(t);return n===null?[]:[{name:t,page:n,image:t.split(" ").at(-1)??""}]})}catch{return[]}}name(e,t){return[_s,encodeURIComponent(this.dataset()),e,t].join(" ")}pageOf(e){let t=`${_s} ${encodeURIComponent(this.dataset())} `;return e.startsWith(t)?e.slice(t.length).split(" ")[0]??null:null}write(e,t,n){try{t.unsent===null?this.storage.removeItem(e):this.storage.setItem(e,n)}catch{return}}remove(e,t){this.ledger?.put(e,Gs({number:t,unsent:null}));try{this.storage.removeItem(e)}catch{return}}read(e){try{return Js(this.storage.getItem(e)??"null")}catch{return null}}};function Gs(s){return JSON.stringify({...s,time:Date.now()})}function Js(s){try{let{number:e,unsent:t,time:n}=JSON.parse(s)??{};return typeof e!="number"||typeof n!="number"||t===void 0?null:t===null||cl(t)?{number:e,unsent:t,time:n}:null}catch{return null}}function cl(s){let{version:e,sent:t,waiting:n}=s??{};return typeof e=="number"&&Ys(t)&&Ys(n)}function Ys(s){let{change:e,base:t}=s??{};return Array.isArray(e?.put)&&Array.isArray(e.remove)&&typeof t=="object"}function xe([s,e],[t,n],{width:o,height:i}){let r=l=>Zs(Math.min(o,Math.max(0,l+.5))),a=l=>Zs(Math.min(i,Math.max(0,l+.5)));return[r(Math.min(s,t)),a(Math.min(e,n)),r(Math.max(s,t)),a(Math.max(e,n))]}function Se(s,e){return Math.hypot(e[0]-s[0],e[1]-s[1])>=4}function Zs(s){return Math.round(s*10)/10}function qe(s,e){return{uid:Et(),label:e.label===void 0?s.label.value:e.label,mask:e.mask,score:e.score??null,source:e.source,locked:!1,hidden:!1,color:null,attributes:{},prompts:e.prompts??[]}}function Et(){let s=crypto.getRandomValues(new Uint8Array(8));return Array.from(s,e=>e.toString(16).padStart(2,"0")).join("")}function Me(s){let{selection:e,document:t}=s;if(e.value.size!==1)return null;let[n]=e.value,o=n===void 0?void 0:t.get(n);return o===void 0||o.hidden?null:o.locked?(s.announce(c("tools.locked"),"error"),null):o}function Ot(s,e,t,n){if(t.isEmpty){if(e===null)return;s.history.do({put:[],remove:[e.uid]},n),s.selection.set(new Set),s.announce(c("tools.emptied"));return}let o=ge(t),i=e===null?qe(s,{mask:o,source:"hand"}):{...e,mask:o,score:null,source:"hand"};s.history.do({put:[i],remove:[]},n),s.selection.set(new Set([i.uid]))}var At=class{#e;#t;#n=null;#o=null;#s=null;#i=-1/0;#r=110;#l;constructor(e,t){this.#e=e,this.#t=t}at(e){this.#n=e,this.#a()}stop(){clearTimeout(this.#l),this.#l=void 0,this.#s?.abort(),this.#s=this.#n=this.#o=null}#a(){if(this.#l!==void 0||this.#n===null||dl(this.#n,this.#o))return;let e=this.#i+(this.#s===null?60:this.#r)-performance.now();if(e<=0){this.#s!==null&&(this.#r=Math.min(1e3,2*this.#r)),this.#c(this.#n);return}this.#l=setTimeout(()=>{this.#l=void 0,this.#a()},e)}async#c(e){this.#s?.abort();let t=new AbortController;this.#s=t,this.#o=e,this.#i=performance.now();try{let n=await this.#e(e,t.signal);if(t.signal.aborted)return;this.#r=Math.max(60,Math.min(1e3,1.5*(performance.now()-this.#i))),this.#t(n,e)}catch{}this.#s===t&&(this.#s=null,clearTimeout(this.#l),this.#l=void 0,this.#a())}};function dl([s,e],t){return t!==null&&Math.hypot(s-t[0],e-t[1])<1}var Pt={phase:"idle",points:0,hasBox:!1,candidates:0,candidate:0,score:null,busy:!1},It={points:[],foreground:[],box:null,earlier:null,candidates:[],candidate:0},Lt=class{state=new v(Pt);takesAway=new v(!1);awaited=new v(0);#e;#t;#n=[];#o=null;#s=null;#i=null;#r=new Map;#l=new Map;#a=null;#c=null;constructor(e){this.#e=e,this.#t=new At(async(t,n)=>(await e.segment([{points:[t],foreground:[!0]}],{signal:n,preview:!0}))[0]??null,t=>this.#x(t)),e.label.subscribe(()=>this.#y())}get active(){return this.#n.length>0}hover(e){if(this.active||!this.#e.settings.preview.value)return;let{width:t,height:n}=this.#e.stage.viewport.image;e!==null&&e[0]>=-.5&&e[1]>=-.5&&e[0]<t-.5&&e[1]<n-.5?this.#t.at(e):(this.#t.stop(),this.#a!==null&&this.#x(null))}refine(e){this.drop();let t=e.prompts.filter(r=>"points"in r||"box"in r).at(-1),n=t?.points??[],o=t?.foreground??n.map(()=>!0),i={segmentation:e.mask,area:T(e.mask).area,box:T(e.mask).box??[0,0,0,0],score:e.score,label:e.label,prompt_index:null,score_kind:null};this.#o=e,this.#n=[{...It,points:n,foreground:o,box:t?.box??null,candidates:[i]}],this.#f()}addPoint(e,t){let n=this.#n.at(-1)??It,o=n.candidates[n.candidate]??(t?this.#a:null);this.#d({...n,points:[...n.points,e],foreground:[...n.foreground,t],earlier:n.candidates[n.candidate]?.segmentation??n.earlier,candidates:o===null?[]:[o],candidate:0})}setBox(e){this.#d({...It,box:e})}cycle(e){let t=this.#n.at(-1);if(t!==void 0&&t.candidates.length<2&&(this.#s??this.#i)!==null)return this.#c=e,!0;if(t===void 0||t.candidates.length<2)return!1;let n=t.candidates.length,o=(t.candidate+e+n)%n;return this.#n[this.#n.length-1]={...t,candidate:o},this.#f(),this.#e.announce(c("tools.candidate",{at:o+1,of:n})),!0}back(){return this.active?(this.#h(),this.#n.pop(),this.#n.length>0?this.#f():this.drop(),!0):!1}accept(){let e=this.#n.at(-1);if(e===void 0)return!1;if(this.#s!==null)return this.#r.set(this.#s,this.#b),this.awaited.set(this.#r.size),this.#s=null,this.drop(),!0;let t=e.candidates[e.candidate],n=this.#o!==null&&t?.segmentation===this.#o.mask;return t!==void 0&&!n&&this.#p(e,t,this.#b),this.drop(),!0}async finish(){await Promise.all([...this.#r.keys()].flatMap(e=>this.#l.get(e)??[]))}drop(){let e=this.active||this.#a!==null;return this.#h(),this.#t.stop(),this.#n=[],this.#o=null,this.#a=null,this.takesAway.set(!1),this.#e.stage.setDraft(null),this.#e.stage.setMarks([]),this.state.set(Pt),e}redraw(){this.active?this.#f():this.drop()}#d(e){this.#t.stop(),this.#a=null,this.#n.push(e),this.#h();let t=new AbortController;this.#s=t,this.#f();let n=this.#u(e,t).finally(()=>{this.#l.delete(t),this.#r.delete(t),this.awaited.set(this.#r.size)});this.#l.set(t,n)}async#u(e,t){let n=()=>this.#s===t&&!t.signal.aborted;try{let o=await this.#e.segment([uo(e)],{signal:t.signal}),i=this.#r.get(t);if(i!==void 0&&this.#k(e,o,i),!n())return;this.#s=null,this.#m(e,o)}catch(o){if(!n()&&!this.#r.has(t))return;n()&&(this.#s=null,this.back()),this.#e.announce(c("tools.failed",{why:o instanceof Error?o.message:String(o)}),"error")}}#m(e,t){let n=t.filter(ho),o={...e,candidates:n,candidate:0};this.#n[this.#n.length-1]=o,this.#f(),n.length===0?this.#e.announce(c("tools.nothing")):this.#g(o)}async#g(e){let t=new AbortController;this.#i=t;try{let n=await this.#e.segment([uo(e)],{candidates:!0,signal:t.signal});if(t.signal.aborted||this.#n.at(-1)!==e)return;let o=new Set(e.candidates.map(({segmentation:r})=>r.counts)),i=ul(n).filter(({segmentation:r})=>!o.has(r.counts));this.#n[this.#n.length-1]={...e,candidates:[...e.candidates,...i]},this.#i=null,this.#f(),this.#c!==null&&this.cycle(this.#c)}catch{}t.signal.aborted||(this.#i=this.#c=null)}#k(e,t,n){let o=t.find(ho);o===void 0?this.#e.announce(c("tools.nothing")):this.#p(e,o,n)}#h(){this.#s?.abort(),this.#i?.abort(),this.#s=this.#i=this.#c=null}#p(e,{segmentation:t,score:n},{object:o,label:i,history:r}){let{selection:a,announce:l}=this.#e,d=uo(e),h=o===null?qe(this.#e,{mask:t,score:n,label:i,source:"model",prompts:[d]}):{...o,mask:t,score:n,source:"model",prompts:[d]};r.do({put:[h],remove:[]},c(o===null?"tools.history.add":"tools.history.refine"))!==!1&&(a.set(new Set([h.uid])),l(w("tools.kept",this.#e.document.objects.length)))}get#b(){return{object:this.#o,label:this.#e.label.value,history:this.#e.history}}#x(e){this.active||(this.#a=e,this.#v("preview",e),this.state.set(e===null?Pt:{...Pt,phase:"preview",score:e.score,candidates:1}))}#f(){let e=this.#n.at(-1)??It,{points:t,foreground:n,box:o,candidates:i,candidate:r}=e,a=t.map((m,p)=>({kind:"point",at:m,foreground:n[p]??!0}));o!==null&&a.unshift({kind:"box",box:o}),this.#e.stage.setMarks(a);let l=i[r]??null;this.#v("draft",l);let d=l?.score??null,h=this.#s!==null;this.state.set({phase:"draft",points:t.length,hasBox:o!==null,candidates:i.length,candidate:r,score:d,busy:h})}#y(){this.active?this.#f():this.#a!==null&&this.#v("preview",this.#a)}#v(e,t){let{stage:n,colorOf:o,label:i}=this.#e,r=this.#o?.color??o(this.#o===null?i.value:this.#o.label);n.setDraft(t===null?null:T(t.segmentation),{kind:e,color:r},this.#o?.uid??null)}};function ul(s){return s.filter(ho).sort((e,t)=>(t.score??0)-(e.score??0))}function uo({points:s,foreground:e,box:t,earlier:n}){let o={};return s.length>0&&Object.assign(o,{points:s,foreground:e}),t!==null&&(o.box=t),n!==null&&(o.mask=n),o}function ho({area:s}){return s>0}var Te=class{session;context;constructor(e){this.context=e,this.session=new Lt(e)}get takesOther(){return this.session.active}enter(){this.session.drop()}leave(){this.session.accept(),this.session.drop()}key({key:e,shift:t,alt:n,control:o}){if(o||n)return!1;switch(e){case"Enter":return this.session.accept();case"Escape":return this.session.drop();case"Backspace":return this.session.back();case"c":case"C":return this.session.cycle(t?-1:1);default:return!1}}isBackground({button:e,alt:t,shift:n,kind:o}){return e===2||t||n&&o==="keyboard"||this.session.takesAway.value}isReady(){let e=this.context.missing(this.id);return e!==null&&this.context.announce(e,"error"),e===null}isInside({at:[e,t]}){let{width:n,height:o}=this.context.stage.viewport.image;return e>=-.5&&t>=-.5&&e<n-.5&&t<o-.5}};var Ct=class extends Te{id="box";drags=!0;#e=null;down(e){this.isReady()&&(this.#e=e)}move(e){let{stage:t}=this.context;this.#e===null||!this.#t(e)||t.setMarks([{kind:"box",box:xe(this.#e.at,e.at,t.viewport.image)}])}up(e){let t=this.#e;if(this.#e=null,t!==null)if(Se(t.screen,e.screen)){let n=xe(t.at,e.at,this.context.stage.viewport.image);n[2]-n[0]>=1&&n[3]-n[1]>=1?this.session.setBox(n):this.session.redraw()}else this.isInside(e)&&this.session.active&&this.session.addPoint(e.at,!this.isBackground(e))}cancel(){this.#e=null,this.session.redraw()}#t(e){return this.#e?.button===0&&Se(this.#e.screen,e.screen)}};var hl={found:[],shown:[]},ml=.8,pl=0,Rt=class{state=new v(hl);#e;#t;#n;constructor(e,t){this.#e=e,this.#t=t,this.#n=e.settings.threshold.subscribe(()=>this.#r(this.state.value.found))}set(e,t){let n=e.filter(({area:o})=>o>0).map(o=>({id:`proposal-${++pl}`,mask:o,prompts:t}));this.#r(n.sort((o,i)=>(i.mask.score??0)-(o.mask.score??0)))}hover(e){this.light(this.#e.stage.proposalAt(e.at))}light(e){this.#e.stage.setHovered(e)}pick(e){let t=this.#e.stage.proposalAt(e.at);return t===null?!1:(this.accept([t]),!0)}accept(e){let{history:t,selection:n,announce:o}=this.#e,{found:i}=this.state.value,r=i.filter(({id:l})=>e.includes(l));if(r.length===0)return 0;let a=[...r].sort((l,d)=>d.mask.area-l.mask.area).map(({mask:l,prompts:d})=>this.#i(l,d));return t.do({put:a,remove:[]},w("tools.history.addFound",a.length)),this.#r(i.filter(({id:l})=>!e.includes(l))),n.set(new Set(a.map(({uid:l})=>l))),o(w("tools.keptMany",a.length)),a.length}acceptAll(){let{found:e,shown:t}=this.state.value,n=new Set(t.filter(i=>this.#o(i))),o=t.filter(i=>!n.has(i));if(n.size>0&&this.#r(e.filter(i=>!n.has(i))),this.accept(o.map(({id:i})=>i)),n.size>0){let i={added:w("tools.keptMany",o.length),there:w("tools.already",n.size)};this.#e.announce(c("tools.keptSome",i),"notice")}return t.length>0}clear(){let e=this.state.value.found.length>0;return this.#r([]),e}close(){this.clear(),this.#n()}#o({mask:e}){let t=this.#s(e),n=T(e.segmentation);return this.#e.document.objects.filter(i=>i.label===t).some(i=>T(i.mask).iou(n)>ml)}#s(e){return e.label??this.#e.label.value}#i(e,t){let n=this.#s(e);return qe(this.#e,{mask:e.segmentation,score:e.score,source:"model",label:n,prompts:t})}#r(e){let{stage:t,settings:n,colorOf:o}=this.#e,i=n.threshold.value,r=this.#t?e.filter(({mask:l})=>(l.score??1)>=i):e,a=[...r].sort((l,d)=>d.mask.area-l.mask.area);t.setProposals(a.map(({id:l,mask:d})=>({uid:l,bitmap:T(d.segmentation),color:o(this.#s(d))}))),t.setHovered(null),this.state.set({found:e,shown:r})}};var W=class{drags=!1;proposals;busy=new v(!1);context;#e=null;constructor(e,t){this.context=e,this.proposals=new Rt(e,t)}enter(){this.proposals.clear()}leave(){this.stop(),this.proposals.clear()}up(e){e.button===0&&this.proposals.pick(e)}hover(e){this.proposals.hover(e)}away(){this.proposals.light(null)}key({key:e,control:t}){return e==="Enter"&&!t?this.proposals.acceptAll():e==="Escape"?this.stop()||this.proposals.clear():!1}stop(){let e=this.#e!==null;return this.#e?.abort(),this.#e=null,this.busy.set(!1),e}async find(e,t){let{announce:n}=this.context,o=this.context.missing(this.id);if(o!==null){n(o,"error");return}this.stop();let i=new AbortController;this.#e=i,this.busy.set(!0);try{let r=await t(i.signal);if(i.signal.aborted)return;this.proposals.set(r,e),n(w("tools.found",this.proposals.state.value.shown.length))}catch(r){if(i.signal.aborted)return;n(c("tools.failed",{why:r instanceof Error?r.message:String(r)}),"error")}this.#e=null,this.busy.set(!1)}};var Bt=class extends W{id="everything";job=new v(null);constructor(e){super(e,!1)}async run(e){let t={everything:e===void 0?{}:{points_per_side:e}};await this.find([t],n=>this.context.everything(t,o=>this.job.set(o),n)),this.job.set(null)}};var Dt=class{id="lasso";drags=!0;#e;#t=null;constructor(e){this.#e=e}enter(){this.#t=null}leave(){this.cancel()}down(e){let{selection:t,announce:n}=this.#e,o=Me(this.#e);if(o===null&&t.value.size===1)return;let i=!e.alt&&e.button===0;if(!i&&o===null){e.button===0&&n(c("tools.nothingToErase"),"error");return}this.#t={object:o,path:[e.at],adds:i}}move(e){if(this.#t===null)return;this.#t.path.push(...e.path);let{path:t,adds:n}=this.#t;this.#e.stage.setMarks([{kind:"lasso",path:t,adds:n}])}up(){let e=this.#t;if(this.cancel(),e===null||e.path.length<3)return;let{object:t,path:n,adds:o}=e,{width:i,height:r}=this.#e.stage.viewport.image,a=t===null?N.empty(i,r):T(t.mask),l=a.withPolygon(n,o);l.area!==a.area&&Ot(this.#e,t,l,c(o?"tools.history.lassoAdd":"tools.history.lassoCut"))}cancel(){this.#t=null,this.#e.stage.setMarks([])}key({key:e}){return e!=="Escape"||this.#t===null?!1:(this.cancel(),!0)}};var fl=.8,Nt=class extends W{id="like";drags=!0;#e=null;constructor(e){super(e,!0)}leave(){this.cancel(),super.leave()}down(e){e.button===0&&(this.#e=e)}move(e){let{stage:t}=this.context;this.#e===null||!Se(this.#e.screen,e.screen)||t.setMarks([{kind:"box",box:xe(this.#e.at,e.at,t.viewport.image)}])}up(e){let t=this.#e;if(this.cancel(),t===null)return;let{stage:n,document:o}=this.context;if(Se(t.screen,e.screen)){let a=xe(t.at,e.at,n.viewport.image);a[2]-a[0]>=1&&a[3]-a[1]>=1&&this.search([{box:a}],this.context.label.value);return}if(this.proposals.pick(e))return;let i=n.objectsAt(e.at)[0],r=i===void 0?void 0:o.get(i);r!==void 0&&this.search([{mask:r.mask}],r.label)}hover(e){let{stage:t}=this.context;t.setHovered(t.proposalAt(e.at)??t.objectsAt(e.at)[0]??null)}cancel(){this.#e!==null&&(this.#e=null,this.context.stage.setMarks([]))}searchChosen(){let{document:e,selection:t}=this.context,n=e.objects.filter(i=>t.value.has(i.uid));if(n.length===0)return;let o=n.map(({mask:i})=>({mask:i}));this.search(o,n[0].label)}async search(e,t){let n={examples:e.map(i=>({prompt:i}))};t!==null&&(n.label=t);let o=[{concept:n}];await this.find(o,async i=>this.withoutObjects(await this.context.segment(o,{signal:i})))}withoutObjects(e){let t=this.context.document.objects.map(n=>T(n.mask));return e.filter(n=>{let o=T(n.segmentation);return!t.some(i=>i.iou(o)>=fl)})}};function Qs(s,e,t,n){let o=s.map((h,m)=>es(s[m-1]??h,h,e,t,n)),[i,r,a,l]=[t,n,0,0];for(let h of o)for(let m=0;m<h.length;m+=3)[i,a]=[Math.min(i,h[m+1]),Math.max(a,h[m+2])],[r,l]=[Math.min(r,h[m]),Math.max(l,h[m]+1)];if(i>=a)return N.empty(t,n);let d=new Uint8Array((a-i)*(l-r));for(let h of o)for(let m=0;m<h.length;m+=3){let p=(h[m]-r)*(a-i)-i;d.fill(1,p+h[m+1],p+h[m+2])}return N.fromBits(t,n,{x0:i,y0:r,x1:a,y1:l},d)}var Xs=.5,gl=500,ei=1.25,$e=class{id;drags=!0;#e;#t=null;#n=null;constructor(e,t){this.#e=e,this.id=t,e.settings.brushRadius.subscribe(()=>this.#r())}enter(){this.#n=null}leave(){this.#o(),this.#n=null,this.#e.stage.setRing(null)}down(e){if(e.button!==0)return;let{selection:t,stage:n,announce:o}=this.#e;if(this.id==="eraser"&&t.value.size!==1){let d=n.objectsAt(e.at)[0];if(d===void 0){o(c("tools.nothingToErase"),"error");return}t.set(new Set([d]))}let i=Me(this.#e);if(i===null&&(this.id==="eraser"||t.value.size===1))return;let r=this.id==="eraser"||e.alt,a=this.#s(e);this.#t={object:i,path:[e.at],radius:a,erases:r};let l=i?.color??this.#e.colorOf(i===null?this.#e.label.value:i.label);i!==null&&n.setDraft(T(i.mask),{kind:"edit",color:l},i.uid),n.setStroke({path:[e.at],radius:a,erases:r,color:l}),this.#i(e)}move(e){this.#i(e),this.#t!==null&&(this.#t.path.push(...e.path),this.#e.stage.extendStroke(e.path))}up(e){this.#i(e),this.#o()}cancel(){this.#t=null,this.#e.stage.setStroke(null),this.#e.stage.setDraft(null)}hover(e){this.#i(e)}away(){this.#n=null,this.#e.stage.setRing(null)}key({key:e}){let{brushRadius:t}=this.#e.settings;if(e==="[")t.set(Math.max(Xs,t.value/ei));else if(e==="]")t.set(Math.min(gl,t.value*ei));else if(e==="Escape"&&this.#t!==null)this.cancel();else return!1;return!0}#o(){let e=this.#t;if(e===null)return;this.#t=null;let{width:t,height:n}=this.#e.stage.viewport.image,o=Qs(e.path,e.radius,t,n),i=e.object===null?N.empty(t,n):T(e.object.mask),r=e.erases?i.subtract(o):i.union(o),a=c(e.erases?"tools.history.erase":"tools.history.paint");r.area!==i.area&&Ot(this.#e,e.object,r,a),this.#e.stage.setStroke(null),this.#e.stage.setDraft(null)}#s({kind:e,pressure:t}){let{brushRadius:n,pressure:o}=this.#e.settings;return e==="pen"&&o.value?Math.max(Xs,n.value*(.4+1.2*t)):n.value}#i({at:e,kind:t}){this.#n=t==="touch"&&this.#t===null?null:e,this.#r()}#r(){this.#n!==null&&this.#e.stage.setRing({at:this.#n,radius:this.#t?.radius??this.#e.settings.brushRadius.value})}};var zt=class{id="pan";drags=!1;#e;constructor(e){this.#e=e}enter(){this.#e.stage.pans=!0}leave(){this.#e.stage.pans=!1}};var Ft=class extends Te{id="point";drags=!1;up(e){if(!(!this.isInside(e)||!this.isReady())){if(e.control&&!this.session.active){let t=Me(this.context);t!==null&&this.session.refine(t)}this.session.addPoint(e.at,!this.isBackground(e))}}hover(e){this.context.missing(this.id)===null&&this.session.hover(e.at)}away(){this.session.hover(null)}};var Ht=class extends W{id="salient";constructor(e){super(e,!1)}async run(){await this.find([],e=>this.context.segment([],{signal:e}))}};var qt=class{id="select";drags=!1;#e;#t=null;constructor(e){this.#e=e}enter(){this.#t=null}leave(){this.#e.stage.setHovered(null)}up({at:e,button:t,shift:n,control:o}){if(t!==0)return;this.#t=e;let{stage:i,selection:r}=this.#e,a=i.objectsAt(e)[0],l=n||o;if(a===void 0)l||r.set(new Set);else if(l){let d=new Set(r.value);d.delete(a)||d.add(a),r.set(d)}else r.set(new Set([a]));this.#s()}hover({at:e}){let{stage:t}=this.#e;t.setHovered(t.objectsAt(e)[0]??null)}away(){this.#e.stage.setHovered(null)}key({key:e,shift:t,control:n,alt:o}){return n||o?!1:e==="Tab"?this.#n(t?-1:1):e==="Delete"||e==="Backspace"?this.#o():e==="Escape"&&this.#e.selection.value.size>0?(this.#e.selection.set(new Set),!0):!1}#n(e){let{stage:t,selection:n}=this.#e,o=this.#t===null?[]:t.objectsAt(this.#t),[i]=n.value;if(o.length<2||n.value.size!==1||i===void 0||!o.includes(i))return!1;let r=o.indexOf(i)+e;return r<0||r>=o.length?(this.#t=null,!1):(n.set(new Set([o[r]])),this.#s(),!0)}#o(){let{document:e,selection:t,history:n,announce:o}=this.#e,i=[...t.value].filter(a=>e.get(a)!==void 0),r=i.filter(a=>e.get(a)?.locked===!1);return i.length===0?!1:(r.length<i.length&&o(c("tools.locked"),"error"),r.length===0||(n.do({put:[],remove:r},w("tools.history.delete",r.length)),t.set(new Set(i.filter(a=>!r.includes(a)))),o(w("tools.deleted",r.length))),!0)}#s(){let{selection:e,document:t,announce:n}=this.#e,[o]=e.value,i=o===void 0?void 0:t.get(o);e.value.size===1&&i?n(c("tools.selectedOne",{label:i.label??c("tools.unlabeled")})):n(w("tools.selected",e.value.size))}};var $t=class extends W{id="text";constructor(e){super(e,!0)}async search(e){let t=bl(e);if(t.length===0){this.proposals.clear();return}let n=[{text:t}];await this.find(n,o=>this.context.segment(n,{signal:o}))}};function bl(s){let e=s.split(/[,;\n、，；]/).map(t=>t.trim());return[...new Set(e.filter(t=>t!==""))]}var Kt=class{select;point;box;text;like;everything;salient;#e;#t;#n;constructor(e,t="point"){this.#e=e,this.select=new qt(e),this.point=new Ft(e),this.box=new Ct(e),this.text=new $t(e),this.like=new Nt(e),this.everything=new Bt(e),this.salient=new Ht(e);let n=[new zt(e),new $e(e,"brush"),new $e(e,"eraser"),new Dt(e)],o=[this.select,this.point,this.box,this.text,this.like,this.everything,this.salient,...n];this.#t=new Map(o.map(i=>[i.id,i])),this.#n=new v(t),this.#s()}get current(){return this.#n}use(e){if(e===this.#n.value)return;this.#o.leave(),this.#n.set(e),this.#s();let t=this.#e.missing(e);t!==null?this.#e.announce(t,this.#o instanceof W?"info":"error"):e==="like"&&this.like.searchChosen()}async settle(){this.#o.leave(),this.#s(),await Promise.all([this.point.session.finish(),this.box.session.finish()])}get isDrafting(){return this.point.session.active||this.box.session.active}key(e){return this.#o.key?.(e)??!1}attach(e){e.onKey=n=>this.key(n),e.takesOther=()=>this.#o.takesOther===!0;let t=[e.on("down",n=>this.#o.down?.(n)),e.on("move",n=>this.#o.move?.(n)),e.on("up",n=>this.#o.up?.(n)),e.on("cancel",()=>this.#o.cancel?.()),e.on("hover",n=>this.#o.hover?.(n)),e.on("leave",()=>this.#o.away?.())];return()=>t.forEach(n=>n())}get#o(){let e=this.#t.get(this.#n.value);if(e===void 0)throw new Error(`there is no tool "${this.#n.value}"`);return e}#s(){this.#e.stage.keysDrag=this.#o.drags,this.#o.enter()}};var ti=["select","pan","point","box","brush","eraser","lasso","text","like","everything","salient"],ni=new Set(["point","box","text","like","everything","salient"]);function oi(s,e){let{stage:t}=e,n={undo:()=>{e.takeBack()||s.edits.goBack("undo")},redo:()=>s.edits.goBack("redo"),"objects.all":()=>s.edits.selectAll(),"objects.next":()=>s.edits.selectNext(1),"objects.previous":()=>s.edits.selectNext(-1),"objects.delete":()=>s.edits.run("delete"),"objects.rename":e.renameObject,"objects.refine":e.refineObject,"objects.hide":()=>s.edits.toggle(s.selection.value,"hidden"),"objects.lock":()=>s.edits.toggle(s.selection.value,"locked"),"objects.up":()=>s.edits.run("up"),"objects.down":()=>s.edits.run("down"),"objects.merge":()=>s.edits.run("merge"),"objects.split":()=>s.edits.run("split"),"objects.fill":()=>s.edits.run("fill"),"objects.cut":()=>s.edits.run("cut"),"objects.smooth":()=>s.edits.run("smooth"),"objects.copyImage":e.copyCutOut,"objects.fromBefore":()=>{s.edits.copyFromBefore()},"objects.code":e.showCode,"labels.none":()=>s.labelBook.give(null),"labels.add":e.addLabel,"images.next":()=>s.step(1),"images.previous":()=>s.step(-1),"images.nextUndone":()=>s.nextUndone(),"images.done":()=>s.toggleState("done"),"images.doneNext":()=>{s.keepDraft(),s.setState("done"),s.nextUndone()},"images.doubt":()=>s.toggleState("doubt"),"images.search":e.searchImages,"images.add":e.chooseImages,"images.suggest":e.suggest,"images.import":e.import,"view.in":()=>t.viewport.zoomStep(1),"view.out":()=>t.viewport.zoomStep(-1),"view.fit":()=>t.fit(),"view.truth":()=>s.toggleTruth(),"view.folder":e.growFolder,"view.export":e.export,"view.help":e.help,"view.hints":e.hints};for(let o of ti)n[`tool.${o}`]=()=>{s.choose(o),yl.has(o)?e.focusTool():s.focusStage()};return o=>{let i=/^label\.([1-9])$/.exec(o)?.[1];return i!==void 0?s.labelBook.giveOfKey(i):(n[o]?.(),o in n)}}function si(s){return/^(undo|redo|objects\..*|label\.[1-9]|labels\.none|images\.(done|doneNext|doubt))$/.test(s)}var yl=new Set(["text"]);var Ut=[[86,180,233],[204,121,167],[0,158,115],[230,159,0],[0,114,178],[213,94,0]],mo=[0,.5,-.4],je=Ut.length*mo.length;function de(s){let e=Ut[s%Ut.length],t=mo[Math.floor(s/Ut.length)%mo.length];return wl(e.map(n=>kl(n+Math.abs(t)*((t>0?255:0)-n))))}function Ke(s,e){let t=[...new Set(e)],n=t.indexOf(s);if(n>=0)return de(n%je);let o=t.length<je?t.length:0;return de(o+ri(s,je-o))}function Vt(s,e){if(s.color!==null)return s.color;if(s.label===null)return de(ri(s.uid,je));let t=s.label;return e.find(n=>n.name===t)?.color??Ke(t,e.map(vl))}function ii(s){return/^#[0-9a-f]{6}$/i.test(s)}function ri(s,e){let[t,n]=lo(s);return(t%e*(2**32%e)+n%e)%e}function vl(s){return s.name}function wl(s){return"#"+s.map(e=>e.toString(16).padStart(2,"0")).join("")}function kl(s){let e=Math.floor(s);return s-e!==.5?Math.round(s):e%2===0?e:e+1}var xl={point:["point"],box:["box"],text:["text"],like:["example"],everything:["everything"]};function Wt(s,e){if(s==="salient")return e.filter(n=>n.detects&&n.classes.some(o=>/salien|foreground|^object$/i.test(o)));let t=xl[s];return t===void 0?[...e]:e.filter(n=>t.some(o=>n.accepts.includes(o)))}function _t(s){let[e]=s;return e===void 0?"salient":"text"in e?"text":"concept"in e?e.concept.phrase===void 0?"like":"text":"everything"in e?"everything":"box"in e?"box":"point"}function Ee(s,e,t){let n=Wt(s,e);return((s==="text"||s==="like"?[t.detector,t.model]:[t.model]).map(r=>n.find(a=>a.name===r)).find(r=>r!==void 0)??n[0])?.name??null}function ai(s,e,t){if(s.length>0)return Ee(_t(s),e,t);let n=e.filter(o=>o.detects);return(n.find(({name:o})=>o===t.detector||o===t.model)??n[0])?.name??null}function E(s,e){return c(s,e)}function li(s,e){return{viewport:s.viewport,set pans(t){s.pans=t},set keysDrag(t){s.keysDrag=t},setDraft:(t,n,o)=>{e.draft(t,o??null),s.setDraft(t,n,o)},setMarks:t=>{e.marks?.(t),s.setMarks(t)},setStroke:t=>s.setStroke(t),extendStroke:t=>s.extendStroke(t),setRing:t=>s.setRing(t),setProposals:t=>s.setProposals(t),setHovered:t=>s.setHovered(t),objectsAt:t=>s.objectsAt(t).filter(n=>!n.startsWith("truth-")),proposalAt:t=>s.proposalAt(t)}}var Sl="#4c9aff",Ml=new Set(["point","box"]);function ci(s){let{client:e,workspace:t,loader:n,stage:o,settings:i,truth:r,isMoving:a}=s,{notices:l}=t,d=()=>{let{whyClosed:p,open:f}=t;if(p!==null||f.value===null)throw new Error(p??c("image.none"));return f.value},h=p=>{let f=Ee(_t(p),t.models.value,{model:t.model.value,detector:t.detector.value});return f===null?{}:{model:f}},m=({raster:p},f)=>p&&!Ml.has(_t(f))?{window:o.viewport.shown}:{};return{stage:li(o,{draft:p=>r.setDraft(p)}),document:{get objects(){return t.objects.value},get:p=>t.document.value?.get(p)},get history(){return t.historyNow},selection:t.selection,label:t.label,settings:i,segment:async(p,f={})=>{let g=d(),b=m(g,p);return await n.loaded(f.signal),t.preparing.during(g.image,e.segment(g,p,{...h(p),...b,...f}))},everything:async(p,f,g)=>{let b=d(),k=m(b,[p]);await n.loaded(g);let O=await e.segmentAsJob(b,[p],{...h([p]),...k});return(await t.jobs.finish(O,f,g)).masks},missing:p=>Tl(t,p,a()),colorOf:p=>{let f=t.labels.value;return p===null?Sl:f.find(g=>g.name===p)?.color??Ke(p,f.map(g=>g.name))},announce:(p,f="info")=>f==="info"?l.announce(p):l.toast(p,{bad:f==="error"})}}function Tl({models:s,open:e},t,n){return e.value===null?c("image.none"):n?c("video.moving"):s.value.length===0?null:ni.has(t)&&Ee(t,s.value,{model:null,detector:null})===null?E(`missing.${t}`):null}function u(s,e={},...t){let n=document.createElement(s);e.class&&(n.className=e.class);for(let[o,i]of Object.entries(e.attrs??{}))P(n,o,i);for(let[o,i]of Object.entries(e.style??{}))n.style.setProperty(o,i);for(let[o,i]of Object.entries(e.on??{}))n.addEventListener(o,i);return n.append(...ui(t)),n}function P(s,e,t){t===!1||t===null||t===void 0?s.removeAttribute(e):s.getAttribute(e)!==String(t===!0?"":t)&&s.setAttribute(e,t===!0?"":String(t))}function S(s,e){s.textContent!==e&&(s.textContent=e)}function M(s,...e){s.replaceChildren(...ui(e))}function di(s){return s instanceof HTMLElement?s.hasAttribute("data-typing")?!0:s instanceof HTMLInputElement?!["checkbox","radio","range","color","button","file"].includes(s.type):s instanceof HTMLTextAreaElement||s instanceof HTMLSelectElement||s.isContentEditable:!1}function ui(s){return s.filter(e=>e!==!1&&e!==null&&e!==void 0).map(e=>e instanceof Node?e:String(e))}var hi="http://www.w3.org/2000/svg",jl={select:["M5 3.5l5.6 15.6 2.4-6.6 6.6-2.4z"],pan:["M8 11.5V6a1.5 1.5 0 0 1 3 0v4.5V4.5a1.5 1.5 0 0 1 3 0v6V6a1.5 1.5 0 0 1 3 0v8.5c0 4-2.4 6-5.6 6-3 0-4.3-1.4-5.6-3.8l-2-3.7a1.5 1.5 0 0 1 2.5-1.6z"],point:["M12 3v4M12 17v4M3 12h4M17 12h4","!M12 9.4a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2z"],box:["M4 8V5a1 1 0 0 1 1-1h3M16 4h3a1 1 0 0 1 1 1v3M20 16v3a1 1 0 0 1-1 1h-3M8 20H5a1 1 0 0 1-1-1v-3","M9 9h6v6H9z"],brush:["M20 4c-5 2-8.500 5.500-10.500 9l2 2C15 13 18.500 9.500 20 4z","M9.500 13c-2.600 0-3.500 1.800-3.700 4-.1 1-.8 1.700-1.800 2 1.200.8 2.600 1 3.700 1 2.600 0 4-2 3.800-5"],eraser:["M9.200 19.500h3.300l7.200-7.200a2 2 0 0 0 0-2.800l-4.200-4.200a2 2 0 0 0-2.800 0L5 13a2 2 0 0 0 0 2.800z","M9 9l6.500 6.500M9 19.500h11"],lasso:["M12 4.500c5 0 8.500 2.500 8.500 5.800S17 16 12 16s-8.500-2.400-8.500-5.700S7 4.500 12 4.500z","M8 15.500a2 2 0 1 0-1.500 3.300c1 .2 1.500.7 1.500 2.200"],text:["M5 7V5h14v2M12 5v14M9 19h6"],like:["M4 5.500a1.500 1.500 0 0 1 1.500-1.500h5A1.500 1.500 0 0 1 12 5.500v5a1.500 1.500 0 0 1-1.500 1.500h-5A1.500 1.500 0 0 1 4 10.500z","M16 8h4M18 6v4M8 16v4M6 18h4","M14.500 14.500h5v5h-5z"],everything:["M12 3.500l8.500 4.500-8.500 4.500L3.500 8z","M3.500 12l8.500 4.500 8.500-4.500M3.500 16l8.500 4.500 8.500-4.500"],salient:["M12 3.500l1.900 5.600 5.600 1.900-5.600 1.900L12 18.500l-1.900-5.600L4.500 11l5.600-1.900z","M19 16.500v4M17 18.500h4"],undo:["M8.500 5L4 9.500 8.500 14","M4.500 9.500H14a5.500 5.500 0 0 1 0 11h-3"],redo:["M15.500 5L20 9.500 15.500 14","M19.500 9.500H10a5.500 5.500 0 0 0 0 11h3"],previous:["M14.500 5.500L8 12l6.500 6.500"],next:["M9.500 5.500L16 12l-6.500 6.500"],nextUndone:["M5 5.500l6.500 6.500L5 18.500","M12.500 5.500L19 12l-6.500 6.500"],export:["M12 15V4M7.500 8.500L12 4l4.500 4.500","M4.500 14v4.500A1.500 1.500 0 0 0 6 20h12a1.500 1.500 0 0 0 1.500-1.500V14"],import:["M12 4v11M7.500 10.500L12 15l4.500-4.500","M4.500 14v4.500A1.500 1.500 0 0 0 6 20h12a1.500 1.500 0 0 0 1.500-1.500V14"],download:["M12 4v11M7.500 10.500L12 15l4.500-4.500M5 20h14"],help:["M12 3.500a8.500 8.500 0 1 1 0 17 8.500 8.500 0 0 1 0-17z","M9.500 9.500a2.500 2.500 0 1 1 3.500 2.300c-.7.300-1 .8-1 1.700","!M12 15.600a1.100 1.100 0 1 1 0 2.200 1.100 1.100 0 0 1 0-2.200z"],menu:["!M5 10.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3z","!M12 10.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3z","!M19 10.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3z"],visible:["M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12z","M12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z"],hidden:["M4 4l16 16M9.800 5.800A9 9 0 0 1 12 5.500c6 0 9.500 6.500 9.500 6.500a17 17 0 0 1-3 3.700M6.300 7.500A16 16 0 0 0 2.500 12S6 18.500 12 18.500a9 9 0 0 0 4.300-1.100"],locked:["M6 11h12v8.500H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3","!M12 14a1.300 1.300 0 1 1 0 2.600A1.300 1.300 0 0 1 12 14z"],unlocked:["M6 11h12v8.500H6zM8.500 11V7.500a3.500 3.500 0 0 1 6.700-1.400"],trash:["M4.500 6.500h15M9.500 6.500V4h5v2.500M6.500 6.500l.8 13h9.400l.8-13M10.300 10.500v5.500M13.700 10.500v5.500"],merge:["M9 4a6 6 0 1 1 0 0z","M4 9.500A5.500 5.500 0 0 1 9.500 4h2v0A5.500 5.500 0 0 1 12 15H9.500A5.500 5.500 0 0 1 4 9.500z"],split:["M12 3v3M12 9v2M12 14v2M12 19v2","M8.500 7H5v10h3.500M15.500 7H19v10h-3.500"],fillHoles:["M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16z","!M12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z"],cut:["M6.500 15.500a2.200 2.200 0 1 1 0 4.400 2.200 2.200 0 0 1 0-4.400zM17.500 15.500a2.200 2.200 0 1 1 0 4.400 2.200 2.200 0 0 1 0-4.400z","M7.700 15.700L16 4M16.300 15.700L8 4"],smooth:["M3.500 15c2.500 0 2.500-6 5-6s2.500 6 5 6 2.500-6 5-6c1 0 1.500.5 2 1.300"],copyImage:["M8.500 8.500h11v11h-11z","M15.500 8.500v-4h-11v11h4","M8.500 16.500l3-2.500 3 2.500 2-1.500 3 2.500"],copy:["M8.500 8.500h11v11h-11z","M15.500 8.500v-4h-11v11h4"],code:["M8.500 7L3.500 12l5 5M15.500 7l5 5-5 5"],up:["M12 19V5M6.500 10.500L12 5l5.500 5.500"],down:["M12 5v14M6.500 13.500L12 19l5.500-5.500"],add:["M12 5v14M5 12h14"],close:["M6 6l12 12M18 6L6 18"],check:["M5 12.500l4.500 4.500L19 7.500"],search:["M10.500 4.500a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15 15l5 5"],grid:["M4.500 4.500h6v6h-6zM13.500 4.500h6v6h-6zM4.500 13.500h6v6h-6zM13.500 13.500h6v6h-6z"],fold:["M6 9.500l6 6 6-6"],unfold:["M6 14.500l6-6 6 6"],theme:["M12 3.500a8.500 8.500 0 1 1 0 17 8.500 8.500 0 0 1 0-17z","!M12 3.500a8.500 8.500 0 0 1 0 17z"],fit:["M9 4.500H4.500V9M15 4.500h4.500V9M9 19.500H4.500V15M15 19.500h4.500V15"],truth:["M9 6a6 6 0 1 1 0 12A6 6 0 0 1 9 6z","M15 6a6 6 0 1 1 0 12 6 6 0 0 1 0-12z"],before:["M9 5.500H4.500v13H9M12.500 8.500L9 12l3.500 3.500M9.500 12H20"],warning:["M12 4l9 15.500H3z","M12 10v4","!M12 15.700a1 1 0 1 1 0 2 1 1 0 0 1 0-2z"],offline:["M4 4l16 16M8 17.500a4.500 4.500 0 0 1-.5-9M11 6.200a5.500 5.500 0 0 1 6 4.800 3.800 3.800 0 0 1 2 6.200M8 17.500h8.500"],preview:["M4 9V6a2 2 0 0 1 2-2h3M15 4h3a2 2 0 0 1 2 2v3M20 15v3a2 2 0 0 1-2 2h-3M9 20H6a2 2 0 0 1-2-2v-3","M6.500 12S8.500 8.500 12 8.500s5.500 3.500 5.500 3.500-2 3.500-5.500 3.500S6.500 12 6.500 12z"],takeAway:["M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16z","M8.500 12h7"],refine:["M12 3.500v3M12 17.500v3M3.500 12h3M17.500 12h3M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8z","!M12 10.800a1.200 1.200 0 1 1 0 2.400 1.200 1.200 0 0 1 0-2.400z"],mark:["M12 3.500c5 0 8.500 3 8.500 7.500S17.500 20.500 12 20.500 3.500 17 3.500 12 7 3.500 12 3.500z","M12 8v8M8 12h8"],turning:["M19.500 12A7.500 7.500 0 1 1 12 4.500","M12 4.500h0"],new:["M12 5a7 7 0 1 1 0 14 7 7 0 0 1 0-14z"],started:["M12 5a7 7 0 1 1 0 14 7 7 0 0 1 0-14z","!M12 5a7 7 0 0 1 0 14z"],suggested:["M12 4.500l7.500 7.500-7.500 7.500L4.500 12z","!M12 9.500l2.500 2.500-2.500 2.500L9.500 12z"],doubt:["M12 4.500l8.500 15h-17z","M12 10.500v3.500","!M12 15.500a1 1 0 1 1 0 2 1 1 0 0 1 0-2z"],play:["!M8 5.200v13.600a.6.6 0 0 0 .9.500l10.600-6.800a.6.6 0 0 0 0-1L8.900 4.700a.6.6 0 0 0-.9.500z"],pauseVideo:["!M7 5h3.500v14H7zM13.500 5H17v14h-3.500z"],frameBefore:["!M6.500 5.500h2.400v13H6.500z","!M18 6v12l-8-6z"],frameAfter:["!M15.100 5.500h2.400v13h-2.400z","!M6 6v12l8-6z"],stopBefore:["M11 5l-7 7 7 7","!M16 8.500l3.500 3.500-3.500 3.500-3.500-3.500z"],stopAfter:["M13 5l7 7-7 7","!M8 8.500l3.500 3.500L8 15.500 4.500 12z"],trackForward:["M4 12h14M13 6.500l5.500 5.500-5.500 5.500","!M4 9.500a2.500 2.500 0 1 1 0 5 2.500 2.500 0 0 1 0-5z"],trackBack:["M20 12H6M11 6.500L5.500 12l5.500 5.500","!M20 9.500a2.500 2.500 0 1 1 0 5 2.500 2.500 0 0 1 0-5z"],trackBoth:["M3.500 12h17M8 7l-4.500 5L8 17M16 7l4.500 5-4.500 5","!M12 9.700a2.300 2.300 0 1 1 0 4.600 2.300 2.300 0 0 1 0-4.600z"],zoomIn:["M10.500 4.500a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15 15l5 5M8 10.500h5M10.500 8v5"],zoomOut:["M10.500 4.500a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15 15l5 5M8 10.500h5"],done:["!M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM16.900 9.700l-1.400-1.400-4.700 4.800-2.300-2.300-1.400 1.400 3.700 3.700z"]};function A(s,e=""){let t=document.createElementNS(hi,"svg");t.setAttribute("class",`icon ${e}`.trim()),t.setAttribute("viewBox","0 0 24 24"),t.setAttribute("aria-hidden","true");for(let n of jl[s]){let o=document.createElementNS(hi,"path"),i=n.startsWith("!");o.setAttribute("d",i?n.slice(1):n),i&&(o.setAttribute("class","solid"),o.setAttribute("fill-rule","evenodd")),t.append(o)}return t}var Gt=[{action:"tool.select",group:"tools",keys:["V"]},{action:"tool.pan",group:"tools",keys:["H"]},{action:"tool.point",group:"tools",keys:["P"]},{action:"tool.box",group:"tools",keys:["R"]},{action:"tool.brush",group:"tools",keys:["B"]},{action:"tool.eraser",group:"tools",keys:["E"]},{action:"tool.lasso",group:"tools",keys:["L"]},{action:"tool.text",group:"tools",keys:["T"]},{action:"tool.like",group:"tools",keys:["K"]},{action:"tool.everything",group:"tools",keys:["A"]},{action:"tool.salient",group:"tools",keys:["S"]},{action:"prompt.move",group:"prompt",keys:["ArrowLeft","ArrowUp","ArrowDown","ArrowRight"],elsewhere:!0},{action:"prompt.set",group:"prompt",keys:["Space","Enter"],elsewhere:!0},{action:"prompt.background",group:"prompt",keys:["Shift+Space"],elsewhere:!0},{action:"prompt.candidate",group:"prompt",keys:["C"],elsewhere:!0},{action:"prompt.accept",group:"prompt",keys:["Enter"],elsewhere:!0},{action:"prompt.back",group:"prompt",keys:["Backspace"],elsewhere:!0},{action:"prompt.cancel",group:"prompt",keys:["Escape"],elsewhere:!0},{action:"prompt.size",group:"prompt",keys:["[","]"],elsewhere:!0},{action:"undo",group:"objects",keys:["Mod+Z"]},{action:"redo",group:"objects",keys:["Mod+Shift+Z","Mod+Y"]},{action:"objects.all",group:"objects",keys:["Mod+A"]},{action:"objects.next",group:"objects",keys:["."]},{action:"objects.previous",group:"objects",keys:[","]},{action:"objects.delete",group:"objects",keys:["Delete"]},{action:"objects.rename",group:"objects",keys:["F2"]},{action:"objects.refine",group:"objects",keys:["I"]},{action:"objects.hide",group:"objects",keys:["X"]},{action:"objects.lock",group:"objects",keys:["Shift+L"]},{action:"objects.up",group:"objects",keys:["Alt+ArrowUp"]},{action:"objects.down",group:"objects",keys:["Alt+ArrowDown"]},{action:"objects.merge",group:"objects",keys:["M"]},{action:"objects.split",group:"objects",keys:["Shift+M"]},{action:"objects.fill",group:"objects",keys:["F"]},{action:"objects.cut",group:"objects",keys:["Shift+F"]},{action:"objects.smooth",group:"objects",keys:["G"]},{action:"objects.copyImage",group:"objects",keys:["Mod+C"]},{action:"objects.fromBefore",group:"objects",keys:["Mod+Shift+V"]},{action:"objects.code",group:"objects",keys:["Mod+Shift+C"]},{action:"objects.menu",group:"objects",keys:["ContextMenu","Shift+F10"],elsewhere:!0},{action:"labels.give",group:"labels",keys:["1–9"]},{action:"labels.none",group:"labels",keys:["U"]},{action:"labels.add",group:"labels",keys:["Shift+N"]},{action:"images.next",group:"images",keys:["PageDown"]},{action:"images.previous",group:"images",keys:["PageUp"]},{action:"images.nextUndone",group:"images",keys:["N"]},{action:"images.done",group:"images",keys:["D"]},{action:"images.doneNext",group:"images",keys:["Mod+Enter"]},{action:"images.doubt",group:"images",keys:["Q"]},{action:"images.search",group:"images",keys:["/"]},{action:"view.in",group:"view",keys:["+"]},{action:"view.out",group:"view",keys:["-"]},{action:"view.fit",group:"view",keys:["0"]},{action:"view.truth",group:"view",keys:["Y"]},{action:"view.folder",group:"view",keys:["Shift+G"]},{action:"view.export",group:"view",keys:["Mod+E"]},{action:"view.help",group:"view",keys:["?"]}],mi=new Map(Gt.map(s=>[s.action,s])),pi=typeof navigator<"u"&&/Mac|iPhone|iPad/.test(navigator.userAgent);function fi(s){let e=El(s);return/^[1-9]$/.test(e)?`label.${e}`:Gt.find(n=>n.elsewhere!==!0&&n.keys.includes(e))?.action??null}function El(s){let{key:e}=s,t=e===" "?"Space":e.length===1?e.toUpperCase():e,n=e.length===1&&!/[\p{L}\p{N} ]/u.test(e);return[s.ctrlKey||s.metaKey?"Mod":"",s.altKey?"Alt":"",s.shiftKey&&!n?"Shift":"",t].filter(Boolean).join("+")}function Jt(s){let e=/^label\.([1-9])$/.exec(s);if(e)return e[1]??null;let t=mi.get(s)?.keys[0];return t===void 0?null:po(t)}var Ol={ArrowLeft:"←",ArrowUp:"↑",ArrowDown:"↓",ArrowRight:"→",Escape:"Esc",Delete:"Del",PageDown:"PgDn",PageUp:"PgUp",ContextMenu:"☰"};function po(s,e=pi){let n=(s==="+"?["+"]:s.split("+")).map(i=>Ol[i]??i);if(!e)return n.map(i=>i==="Mod"?"Ctrl":i).join("+");let o={Mod:"⌘",Shift:"⇧",Alt:"⌥"};return n.map(i=>o[i]??i).join("")}function Yt(s){let e=/^label\.([1-9])$/.exec(s);if(e)return e[1]??null;let t=mi.get(s)?.keys;return t?t.map(n=>n.replace("Mod",pi?"Meta":"Control")).join(" "):null}function y(s){let e=["button",s.kind,s.text===void 0?"icon-only":"",s.class],t=u("button",{class:e.filter(Boolean).join(" "),attrs:{type:"button","aria-label":s.text===s.name?null:s.name,"aria-keyshortcuts":s.action===void 0?null:Yt(s.action),"data-action":s.action,"data-testid":s.testid,...s.attrs},on:{click:n=>t.getAttribute("aria-disabled")!=="true"&&s.press(n)}},s.icon&&A(s.icon),s.text!==void 0&&u("span",{class:"ellipsis"},s.text));return t}function j(s,e){let t=s.querySelector("svg");e.icon!==void 0&&s.dataset.icon!==e.icon&&(s.dataset.icon=e.icon,t?.replaceWith(A(e.icon,t.classList.contains("small")?"small":""))),e.name!==void 0&&P(s,"aria-label",e.name),e.pressed!==void 0&&P(s,"aria-pressed",e.pressed===null?null:String(e.pressed)),e.disabled!==void 0&&P(s,"aria-disabled",e.disabled?"true":null)}function ae(s,e){return u("label",{class:"stack"},u("span",{class:"small soft"},s),e)}function oe(s,e,t,n={}){let o=u("input",{attrs:{type:"checkbox",...n},on:{change:()=>t(o.checked)}});return o.checked=e,u("label",{class:"check"},o,u("span",{class:"grow"},s))}var _=class{element;bar=u("span");constructor(e){this.element=u("div",{class:"progress unknown",attrs:{role:"progressbar","aria-label":e}},this.bar)}set(e){this.element.classList.toggle("unknown",e===null),P(this.element,"aria-valuenow",e===null?null:Math.round(e*100)),this.bar.style.setProperty("--share",String(e??0))}};var gi=[["objects.refine","refine",1],["objects.merge","merge",2],["objects.split","split",1],["objects.fill","fillHoles",1],["objects.cut","cut",1],["objects.smooth","smooth",1],["objects.up","up",1],["objects.down","down",1],["objects.copyImage","copyImage",1],["objects.code","code",1],["objects.delete","trash",1]],Zt=class{constructor(e){this.workspace=e;this.label=u("input",{class:"field",attrs:{"aria-label":c("details.label"),placeholder:c("details.label"),list:"label-names",maxlength:200,autocomplete:"off",spellcheck:"false","data-testid":"object-label"},on:{change:()=>e.edits.rename(this.label.value.trim()||null),keydown:t=>{t.key==="Enter"&&e.edits.rename(this.label.value.trim()||null),t.key==="Escape"&&this.write(!0),(t.key==="Enter"||t.key==="Escape")&&e.focusStage()}}}),this.color=u("input",{attrs:{type:"color","aria-label":c("details.color"),"data-tip":c("details.color")},on:{change:()=>e.edits.recolor(this.color.value)}}),this.add=y({icon:"add",name:c("details.addAttribute"),press:()=>this.addRow()}),this.buttons=gi.map(([t,n])=>y({icon:n,name:E(`keys.${t}`),action:t,testid:`do-${t}`,class:t==="objects.delete"?"danger":"",press:()=>e.run(t)})),this.element=u("section",{class:"pane details",attrs:{"aria-label":c("details.name")}},u("div",{class:"body"},u("div",{class:"row"},this.label,this.color,this.names),u("div",{class:"actions",attrs:{role:"toolbar","aria-label":c("details.edits")}},...this.buttons),u("div",{class:"attributes"},u("div",{class:"row"},this.title,this.add),this.attributes))),e.selection.watch(()=>this.write(!1)),e.objects.subscribe(()=>this.write(!1)),e.labels.watch(t=>{M(this.names,...t.map(n=>u("option",{attrs:{value:n.name}}))),this.write(!1)})}workspace;element;title=u("span",{class:"ellipsis grow soft small",attrs:{"data-testid":"chosen"}});label;color;names=u("datalist",{attrs:{id:"label-names"}});attributes=u("ul",{class:"stack scroll",attrs:{"aria-label":c("details.attributes")}});add;buttons;written="";described;focusLabel(){this.label.focus(),this.label.select()}write(e){let t=this.workspace.chosen(),[n]=t;this.buttons.forEach((r,a)=>j(r,{disabled:t.length<(gi[a]?.[2]??1)}));for(let r of[this.label,this.color])r.disabled=n===void 0||t.every(a=>a.locked);j(this.add,{disabled:t.length!==1||n?.locked===!0}),S(this.title,t.length===0?c("details.none"):t.length>1?w("objects.chosen",t.length):c("details.attributes")),this.color.value=n===void 0?"#888888":this.workspace.colorOf(n);let o=JSON.stringify(t.map(r=>[r.uid,r.label,r.attributes,r.locked]));if(o===this.written&&!e)return;this.written=o;let i=t.every(r=>r.label===n?.label);this.label.value=i?n?.label??"":"",P(this.label,"placeholder",i?c("details.label"):c("details.different")),this.writeAttributes(t.length===1?n:void 0)}writeAttributes(e){e?.uid===this.described&&JSON.stringify(this.typed())===JSON.stringify(e?.attributes??{})&&this.attributes.childElementCount>0||(this.described=e?.uid,M(this.attributes,...Object.entries(e?.attributes??{}).map(([n,o])=>this.row(n,o,e?.locked??!1))))}addRow(){let e=this.row("","",!1);this.attributes.append(e),e.querySelector("input")?.focus()}row(e,t,n){let o=(r,a)=>{let l=u("input",{class:"field",attrs:{"aria-label":a,placeholder:a,maxlength:1e3,spellcheck:"false",disabled:n},on:{change:()=>this.keep()}});return l.value=r,l},i=u("li",{class:"attribute"},o(e,c("details.attributeName")),o(t,c("details.attributeValue")),y({icon:"close",name:c("details.removeAttribute",{name:e}),press:()=>{i.remove(),this.keep(),this.add.focus()}}));return i}keep(){this.workspace.edits.describe(this.typed())}typed(){let e=[...this.attributes.children].map(t=>[...t.querySelectorAll("input")].map(n=>n.value.trim()));return Object.fromEntries(e.filter(([t])=>t).map(([t,n])=>[t,n??""]))}};var ue=["new","started","suggested","doubt","done"],bi={search:"",state:"all",order:"name"};function Qt(s,e){let t=e.search.trim().toLowerCase(),n=s.filter(o=>(e.state==="all"||o.state===e.state)&&(t===""||o.name.toLowerCase().includes(t)));return e.order==="doubt"?n.sort((o,i)=>(i.doubt??-1)-(o.doubt??-1)):n}function yi(s){return s.some(e=>e.doubt!==null)}function Oe(s){let e={new:0,started:0,suggested:0,doubt:0,done:0};for(let t of s)e[t.state]++;return e}function Xt(s,e,t){return s[s.findIndex(n=>n.key===e)+t]??null}function fo(s,e){let t=s.findIndex(o=>o.key===e)+1;return[...s.slice(t),...s.slice(0,t)].find(o=>o.key!==e&&o.state!=="done"&&o.error===null)??null}var vi="promptseg.studio.";function C(s,e){try{let t=localStorage.getItem(vi+s);return t===null?e:JSON.parse(t)}catch{return e}}function z(s,e){try{localStorage.setItem(vi+s,JSON.stringify(e))}catch{return}}var go=["auto","light","dark"];function bo(){let s=C("theme","auto");return go.includes(s)?s:"auto"}function wi(s){z("theme",s),yo()}function yo(){let s=bo();s==="auto"?delete document.documentElement.dataset.theme:document.documentElement.dataset.theme=s}function L(s){return s instanceof Error?s.message:String(s)}var Al=0;function G(s){let e=`dialog-${++Al}`,t=document.activeElement,n=()=>o.close(),o=u("dialog",{class:s.wide?"wide":"",attrs:{"aria-labelledby":e,closedby:s.mustChoose?"none":null,"data-testid":s.testid},on:{close:()=>{o.remove(),s.closed?.(),t instanceof HTMLElement&&t.isConnected&&t.focus()},cancel:r=>s.mustChoose&&r.preventDefault(),keydown:r=>{r.stopPropagation(),s.mustChoose&&r.key==="Escape"&&r.preventDefault()},click:r=>r.target===o&&!s.mustChoose&&n()}},u("header",{},u("h2",{attrs:{id:e}},s.title),!s.mustChoose&&y({icon:"close",name:c("close"),press:n})),u("div",{class:"body"},...s.body),s.footer&&u("footer",{},...s.footer));return document.body.append(o),o.showModal(),o.querySelector("[autofocus], .body input, .body select, .body button, footer .primary")?.focus(),{element:o,close:n}}var en=class{element;progress;told=u("span",{class:"grow small soft numbers",attrs:{role:"status"}});constructor(e,t){this.progress=new _(e),this.element=u("div",{class:"stack",attrs:{"data-testid":"job"}},this.progress.element,u("div",{class:"row"},this.told,y({name:c("cancel"),text:c("cancel"),kind:"plain",testid:"cancel-job",press:t})))}show({progress:e}){let t=e?.total??0;this.progress.set(t>0?e.done/t:null),S(this.told,t>0?c("job.progress",{done:e.done,total:t}):c("job.starts"))}};var Pl=["started","doubt","done"];function ki(s){let e=s.project.value?.formats??[],t=s.project.value?.kind==="video",n=new Set(e.map(x=>x.name)),o=new Set(C("formats",["coco"]).filter(x=>n.has(x))),i=new Set(C("states",[...Pl])),r=new AbortController,a=y({icon:"export",name:c("export.go"),text:c("export.go"),kind:"primary",testid:"export-go",press:()=>{k()}}),l=u("div",{class:"row"},a),d=u("p",{class:"soft small",attrs:{role:"status"}}),h=u("div",{class:"stack"}),m=new Map(ue.filter(x=>x!=="new").map(x=>[x,u("span")])),p=()=>{let x=Oe(s.images.value);for(let[q,fe]of m)S(fe,`${c(`state.${q}`)} (${x[q]})`);let I=ue.reduce((q,fe)=>q+(i.has(fe)?x[fe]:0),0);a.disabled=o.size===0||I===0&&!t,d.textContent=o.size===0?c("export.noFormat"):t?"":w("export.images",I)},f=(x,I)=>q=>{q?x.add(I):x.delete(I),p()};M(h,u("fieldset",{},u("legend",{},c("export.formats")),u("div",{class:"formats scroll",attrs:{tabindex:-1}},...e.map(x=>oe(u("span",{},u("strong",{},x.name),u("span",{class:"soft small"},` – ${x.summary}`)),o.has(x.name),f(o,x.name),{"data-testid":`format-${x.name}`})))),!t&&u("fieldset",{},u("legend",{},c("export.which")),u("div",{class:"chips"},...[...m].map(([x,I])=>oe(I,i.has(x),f(i,x),{"data-testid":`export-${x}`})))),d);let g=G({title:c("export.title"),testid:"export-dialog",body:[h],footer:[l],closed:()=>{b(),r.abort()}}),b=s.images.watch(p);async function k(){z("formats",[...o]),t||z("states",[...i]),b(),a.disabled=!0;let x=new en(c("export.title"),()=>r.abort());M(h,x.element),M(l);try{let I=await s.jobs.export([...o],t?null:[...i],q=>x.show(q),r.signal);O(I)}catch(I){r.signal.aborted?g.close():M(h,u("p",{attrs:{role:"alert"}},L(I)))}}function O(x){M(h,u("p",{attrs:{role:"status"}},c("export.done",{folder:s.project.value?.out??""})),...x.files.map(I=>u("div",{class:"report",attrs:{"data-testid":"export-report"}},u("div",{},u("strong",{},I.format),u("span",{class:"soft small"},` ${I.path}`)),I.lost.length===0?u("p",{class:"soft small"},c("export.nothingLost")):u("ul",{class:"small"},...I.lost.map(q=>u("li",{},q)))))),M(l,y({name:c("close"),text:c("close"),kind:"plain",press:g.close}),x.download!==null&&u("a",{class:"button primary download",attrs:{href:x.download,download:"","data-testid":"download"}},c("export.download"))),l.querySelector("a, button")?.focus(),s.notices.announce(c("export.finished"))}}var Il=["tools","prompt","objects","labels","images","view"];function xi(){G({title:c("help.title"),testid:"help",wide:!0,body:[u("div",{class:"sheet"},...Il.map(Ll)),u("p",{class:"soft small"},c("help.mouse"))]})}function Ll(s){let e=Gt.filter(t=>t.group===s).map(Cl);return u("section",{},u("h3",{},c(`help.${s}`)),u("dl",{},...e))}function Cl({action:s,keys:e}){return u("div",{},u("dt",{},E(`keys.${s}`)),u("dd",{},...e.slice(0,4).map(t=>u("kbd",{},po(t)))))}var Rl=[0,2,33,2];async function Si(s){let e=[],t=[],n=new Set,o=0,i=0;for(let[a,l]of s.entries()){let d=n.has(l.name)?`${a}/${l.name}`:l.name;n.add(d);let h=new TextEncoder().encode(d),m=new Uint8Array(await l.arrayBuffer()),p=[20,2,2048,2,0,2,...Rl,Dl(m),4,m.length,4,m.length,4,h.length,2,0,2],f=vo(67324752,4,...p),g=vo(33639248,4,20,2,...p,0,2,0,2,0,2,0,4,o,4);e.push(f,h,m),t.push(g,h),o+=f.length+h.length+m.length,i+=g.length+h.length}let r=vo(101010256,4,0,2,0,2,s.length,2,s.length,2,i,4,o,4,0,2);return new Blob([...e,...t,r])}function vo(...s){let e=[];for(let t=0;t<s.length;t+=2)for(let n=0;n<s[t+1];n++)e.push(s[t]>>>8*n&255);return Uint8Array.from(e)}var Bl=Uint32Array.from({length:256},(s,e)=>{for(let t=0;t<8;t++)e=e&1?3988292384^e>>>1:e>>>1;return e});function Dl(s){let e=-1;for(let t of s)e=Bl[(e^t)&255]^e>>>8;return~e>>>0}function wo({images:s,objects:e}){return c("import.done",{images:w("folder.images",s),objects:w("objects.count",e)})}var tn=class{constructor(e){this.workspace=e}workspace;async addImages(e){let t=null,n=0;for(let o of e)try{let i=await this.workspace.server.addImage(o,o.name);this.workspace.told(i),t??=i,n++}catch(i){this.workspace.notices.toast(c("drop.failed",{name:o.name,why:L(i)}),{bad:!0})}t!==null&&(this.workspace.takeTold(),this.workspace.notices.announce(w("drop.added",n)),await this.workspace.openKey(t.key))}async export(e,t,n,o){return await this.workspace.saver.settled(),this.finish(await this.workspace.server.export(e,t??void 0),n,o)}async import(e,t){let n=await this.sendImport(e,t),o={name:c("import.title"),undo:()=>this.undoImport(n),redo:async()=>{n=await this.sendImport(e,{...t,mode:t.mode??"add"})}};return this.workspace.undoables.done(o),{...n,undo:()=>{this.workspace.edits.goBackOf("undo",o)}}}async sendImport(e,t){await this.workspace.saver.settled();let[n]=e,[o,i]=e.length===1?[n,n.name]:[await Si(e),"annotations.zip"],r=await this.workspace.server.import(o,{name:i,...t});return await this.workspace.loadImages(),r}async undoImport(e){let{notices:t}=this.workspace;await this.workspace.saver.settled();let{kept:n}=await this.workspace.server.undoImport(e.name);t.withdraw(wo(e)),t.toast([c("import.undone"),...n>0?[w("import.kept",n)]:[]].join(". ")),await this.workspace.loadImages()}suggest(e,t){let n={model:this.workspace.model.value,detector:this.workspace.detector.value},o=ai(e,this.workspace.models.value,n);return this.workspace.server.suggest({prompts:e,threshold:t,...o!==null&&{model:o}})}async finish(e,t,n){let o=await this.watch(e,t,n);if(n.throwIfAborted(),o.state!=="done")throw new Error(o.error??c("job.failed"));return this.workspace.server.jobResult(o.id)}async watch(e,t,n){let o=()=>{this.workspace.server.cancelJob(e.id).catch(()=>{})};n.aborted?o():n.addEventListener("abort",o,{once:!0}),t(e);try{return await this.workspace.server.watchJob(e.id,t)}finally{n.removeEventListener("abort",o)}}};var Nl=[["","import.auto"],["coco","COCO"],["labelme","LabelMe"],["cvat","CVAT"],["label-studio","Label Studio"]],ko=["json","geojson","xml","zip","parquet","txt","yaml","yml"];function nn(s,e=[]){let t=u("input",{class:"field",attrs:{type:"file",accept:ko.map(p=>`.${p}`).join(),multiple:!0,"data-testid":"import-file"},on:{change:()=>o.disabled=!t.files?.length}}),n=u("select",{class:"field",attrs:{"data-testid":"import-format"}},...Nl.map(([p,f])=>u("option",{attrs:{value:p}},p===""?c(f):f))),o=y({icon:"import",name:c("import.go"),text:c("import.go"),kind:"primary",testid:"import-go",press:()=>{m()}});o.disabled=e.length===0;let i=!1,r=u("div",{class:"stack"},u("p",{class:"soft"},c("import.told")),e.length===0?ae(c("import.file"),t):u("p",{},e.map(({name:p})=>p).join(", ")),ae(c("import.format"),n),oe(c("import.boxes"),!1,p=>i=p,{"data-testid":"import-boxes"})),a=u("div",{class:"row"},o),l=()=>{},d=G({title:c("import.title"),testid:"import-dialog",body:[r],footer:[a],closed:()=>l()});function h(){let p=["add","replace"].map(f=>y({name:c(`import.${f}`),text:c(`import.${f}`),testid:`import-${f}`,...f==="add"&&{kind:"primary"},press:()=>{m(f)}}));M(r,u("p",{attrs:{role:"alert"}},c("import.has"))),M(a,...p),p[0]?.focus()}async function m(p){let f=e.length>0?e:[...t.files??[]];if(f.length===0)return;let g=new _(c("import.title"));g.set(null),o.disabled=!0,r.append(g.element);try{let b=await s.jobs.import(f,{format:n.value,mode:p,boxes:i}),k=wo(b);M(r,u("p",{attrs:{role:"status","data-testid":"import-report"}},k),b.problems.length>0&&u("ul",{class:"report small scroll problems"},...b.problems.map(q=>u("li",{},q))));let O={text:c("import.undo"),press:b.undo};l=()=>s.notices.toast(k,{does:O,stays:!0});let x=y({name:c("close"),text:c("close"),kind:"primary",press:d.close}),I=y({name:O.text,text:O.text,testid:"import-undo",press:()=>{l=()=>{},d.close(),O.press()}});M(a,I,x),x.focus()}catch(b){if(g.element.remove(),o.disabled=!1,p===void 0&&b instanceof R&&b.status===409){h();return}r.querySelector("[role=alert]")?.remove(),r.append(u("p",{attrs:{role:"alert"}},L(b)))}}}function Mi(s,e){let t=s.labels.value.map(J=>J.name),n=u("textarea",{class:"field",attrs:{rows:2,placeholder:c("suggest.phrasesExample"),"data-testid":"suggest-phrases",maxlength:4e3}});n.value=t.join(", ");let o=u("input",{attrs:{type:"range",min:0,max:1,step:.01,"data-testid":"suggest-threshold"},on:{input:()=>r()}});o.value=String(s.project.value?.threshold??.3);let i=u("output",{class:"numbers"}),r=()=>{i.textContent=Number(o.value).toFixed(2)};r();let a=0,l=!1,d=()=>{x.disabled=l||a===0},{value:h}=s.models,m=h.some(({accepts:J,detects:Re})=>Re||J.includes("text")),p=!m;n.disabled=p;let f=oe(c("suggest.everything"),p,J=>{p=J,n.disabled=J||!m}),g=u("p",{class:"small soft",attrs:{"data-testid":"suggest-why"}},c("missing.text"));g.hidden=m;let b=u("p",{class:"small soft",attrs:{"data-testid":"suggest-raster"}},c("suggest.raster"));b.hidden=s.open.value?.raster!==!0;let k=u("p",{attrs:{role:"alert","data-testid":"suggest-refused"}});k.hidden=!0;let O=async()=>{let J=n.value.split(/[,\n]/).map(Lr=>Lr.trim()).filter(Boolean),Re=p?[{everything:{}}]:J.length>0?[{text:J}]:[];l=!0,d();let Ho=await e(Re,Number(o.value));if(Ho===null){fe.close();return}l=!1,d(),k.hidden=!1,k.textContent=c("suggest.broken",{why:Ho}),n.disabled||n.focus()},x=y({icon:"salient",name:c("suggest.go"),text:c("suggest.go"),kind:"primary",testid:"suggest-go",press:()=>{O()}}),I=u("p",{class:"soft"}),q=s.images.watch(J=>{a=Oe(J.filter(Re=>Re.error===null)).new,S(I,w("suggest.told",a)),d()}),fe=G({title:c("suggest.title"),testid:"suggest-dialog",body:[I,b,g,ae(c("suggest.phrases"),n),k,f,u("label",{class:"stack"},u("span",{class:"row small soft"},u("span",{class:"grow"},c("text.threshold")),i),o)],footer:[x],closed:q})}function Ti(s){let e=u("div",{class:"drop",attrs:{hidden:!0}},A("import"),u("span",{},c("drop.here")));document.body.append(e);let t=0,n=i=>i.dataTransfer?.types.includes("Files")??!1,o=i=>{t=Math.max(0,t+i),e.hidden=t===0};addEventListener("dragenter",i=>n(i)&&o(1)),addEventListener("dragleave",i=>n(i)&&o(-1)),addEventListener("dragover",i=>{n(i)&&(i.preventDefault(),i.dataTransfer&&(i.dataTransfer.dropEffect="copy"))}),addEventListener("drop",i=>{n(i)&&(i.preventDefault(),o(-t),i.dataTransfer&&zl(i.dataTransfer).then(s))}),addEventListener("paste",i=>{let r=[...i.clipboardData?.files??[]];r.length>0&&s(r)})}async function zl(s){let e=[...s.items].flatMap(t=>t.webkitGetAsEntry()??[]);return e.some(t=>t.isDirectory)?(await Promise.all(e.map(ji))).flat():[...s.files]}async function ji(s){if(s.name.startsWith("."))return[];if(!s.isDirectory)return[await new Promise((n,o)=>s.file(n,o))];let e=s.createReader(),t=[];for(;;){let n=await new Promise((o,i)=>e.readEntries(o,i));if(n.length===0)return t;for(let o of n)t.push(...await ji(o))}}function Ei(s,e){let t=u("input",{attrs:{type:"file",accept:s,multiple:!0,hidden:!0},on:{change:()=>e([...t.files??[]])}});document.body.append(t),t.click(),t.remove()}var Fl=450,se=6;function Oi(s){let e=u("div",{class:"tip",attrs:{hidden:!0,"aria-hidden":"true"}});document.body.append(e);let t=0,n=0,o=()=>{clearTimeout(t),e.hidden||(n=performance.now()),e.hidden=!0},i=l=>{let d=l.dataset.tip??l.getAttribute("aria-label");if(!d||!l.isConnected)return;let h=Jt(l.dataset.action??"");M(e,u("span",{},d),h!==null&&u("kbd",{},h)),e.hidden=!1,Ue(e,l.getBoundingClientRect(),l.closest(".rail")?"right":"below")},r=l=>{o(),t=window.setTimeout(()=>i(l),performance.now()-n<300?0:Fl)},a=l=>l.target instanceof Element?l.target.closest("[aria-label].button, [data-tip]"):null;s.addEventListener("pointerover",l=>{let d=a(l);d&&l.pointerType!=="touch"?r(d):o()}),s.addEventListener("focusin",l=>{let d=a(l);d?.matches(":focus-visible")&&r(d)}),s.addEventListener("focusout",o),s.addEventListener("pointerdown",o),s.addEventListener("pointerleave",o),addEventListener("keydown",o,!0)}function Ue(s,e,t){let{width:n,height:o}=s.getBoundingClientRect(),i=e.left+e.width/2-n/2,r=e.bottom+se;t==="right"||t==="left"?(i=t==="right"?e.right+se:e.left-n-se,r=e.top+e.height/2-o/2):(t==="above"||r+o>innerHeight-se)&&(r=e.top-o-se),Pi(s,i,r)}function Ai(s,e,t){let{width:n,height:o}=s.getBoundingClientRect();Pi(s,e+n>innerWidth-se?e-n:e,t+o>innerHeight-se?t-o:t)}function Pi(s,e,t){let{width:n,height:o}=s.getBoundingClientRect(),i=(r,a)=>Math.max(se,Math.min(r,a-se));s.style.setProperty("translate",`${i(e,innerWidth-n)}px ${i(t,innerHeight-o)}px`)}var on=null;function Z(s,e,t){let n=s.getAttribute("aria-expanded")==="true";if(on?.(),n)return;let o=Ii(s,e,t,{keeps:s,closed:()=>s.setAttribute("aria-expanded","false")});s.setAttribute("aria-expanded","true"),Ue(o,s.getBoundingClientRect(),"below")}function xo(s,[e,t],n,o){on?.(),Ai(Ii(s,n,o),e,t)}function Ii(s,e,t,{keeps:n,closed:o}={}){let i=u("div",{class:"menu",attrs:{role:"menu","aria-label":e,tabindex:-1}}),r=()=>{on=null;let l=i.contains(document.activeElement);o?.(),i.remove(),removeEventListener("pointerdown",a,!0),removeEventListener("resize",r),l&&s.focus({preventScroll:!0})},a=l=>{l.target instanceof Node&&!i.contains(l.target)&&!n?.contains(l.target)&&r()};return M(i,...t.map(l=>Hl(l,r))),i.addEventListener("keydown",l=>ql(l,i,r)),i.addEventListener("focusout",l=>{l.relatedTarget instanceof Node&&!i.contains(l.relatedTarget)&&l.relatedTarget!==n&&r()}),i.addEventListener("contextmenu",l=>l.preventDefault()),(s.closest("dialog, section, header, aside, main")??document.body).append(i),addEventListener("pointerdown",a,!0),addEventListener("resize",r),on=r,Li(i)[0]?.focus({preventScroll:!0}),i}function Hl(s,e){if(s==="line")return u("div",{attrs:{role:"separator"}});if("heading"in s)return u("div",{class:"heading",attrs:{role:"presentation"}},s.heading);let t=s.action===void 0?null:Jt(s.action),n=u("button",{class:"item",attrs:{type:"button",role:s.checked===void 0?"menuitem":"menuitemradio","aria-checked":s.checked===void 0?null:String(s.checked),"aria-keyshortcuts":s.action===void 0?null:Yt(s.action),"data-testid":s.testid,tabindex:-1},on:{click:()=>{e(),s.choose()}}},s.icon||s.checked?A(s.icon??"check"):u("span"),u("span",{class:"ellipsis"},s.text),t!==null&&u("kbd",{attrs:{"aria-hidden":"true"}},t));return n.disabled=s.disabled??!1,n}function Li(s){return[...s.querySelectorAll(".item:not(:disabled)")]}function ql(s,e,t){let n=Li(e),o=n.findIndex(r=>r===document.activeElement),i={ArrowDown:(o+1)%n.length,ArrowUp:(o+n.length-1)%n.length,Home:0,End:n.length-1};if(s.key==="Escape"||s.key==="Tab")t();else if(i[s.key]!==void 0)n[i[s.key]]?.focus();else if(s.key.length===1&&/\p{L}/u.test(s.key))$l(n,o,s.key)?.focus();else return;s.stopPropagation(),s.key!=="Tab"&&s.preventDefault()}function $l(s,e,t){return[...s.slice(e+1),...s.slice(0,e+1)].find(o=>o.textContent.trim().toLowerCase().startsWith(t.toLowerCase()))}function Ci(s){let t=s.slice(s.lastIndexOf("/")+1).replace(/(.)\.[^.]*$/,"$1");return t.length<=15?t:`${t.slice(0,5)}…${t.slice(-9)}`}function Ve(s,e,t,n,o){if(s===0||e<=0)return{first:0,last:0};let i=Math.max(0,Math.floor(t/e)-o),r=Math.min(s,Math.ceil((t+n)/e)+o);return{first:Math.min(i,s),last:Math.max(r,0)}}function Ri(s,e,t,n){let o=Math.max(1,Math.floor(e/t));return{columns:o,rows:Math.ceil(s/o),width:e/o,height:n}}function Ae(s,e,t,n){let o=s*e;return o<t?o:o+e>t+n?o+e-n:t}var Bi=104,Kl=86,Ul=4,sn=class{constructor(e){this.workspace=e;this.search=u("input",{class:"field",attrs:{type:"search","aria-label":c("keys.images.search"),placeholder:c("folder.search"),"data-testid":"search","aria-keyshortcuts":"/"},on:{input:()=>this.filter({search:this.search.value}),keydown:n=>{n.key==="Escape"?(n.stopPropagation(),this.search.value="",this.filter({search:""}),this.workspace.focusStage()):(n.key==="Enter"||n.key==="ArrowDown")&&this.focusActive()}}}),this.order=y({icon:"doubt",name:c("folder.byDoubt"),text:c("folder.byDoubt"),attrs:{"aria-pressed":"false"},testid:"by-doubt",class:"by-doubt",press:()=>this.turnOrder()}),this.size=y({icon:"grid",name:c("keys.view.folder"),action:"view.folder",testid:"folder-tall",press:()=>this.grow()}),this.fold=y({icon:"fold",name:c("folder.fold"),press:()=>this.resize(this.kept==="folded"?"strip":"folded")});let t=y({icon:"menu",name:c("folder.more"),testid:"folder-menu",attrs:{"aria-haspopup":"menu","aria-expanded":"false"},press:()=>Z(t,c("folder.more"),[{text:c("folder.add"),icon:"add",choose:()=>e.run("images.add")},{text:c("suggest.title"),icon:"salient",testid:"suggest",choose:()=>e.run("images.suggest")},{text:c("import.title"),icon:"import",testid:"import",choose:()=>e.run("images.import")}])});this.view=u("div",{class:"thumbs scroll",attrs:{"data-testid":"thumbs"},on:{scroll:()=>this.draw(),keydown:n=>this.key(n)}},this.tall,this.empty),this.view.addEventListener("wheel",n=>this.sideways(n),{passive:!0}),this.element=u("section",{class:"folder",attrs:{"aria-label":c("folder.name"),"data-testid":"folder"}},u("header",{},u("h2",{class:"visually-hidden"},c("folder.name")),this.filters,u("span",{class:"grow"}),this.order,u("div",{class:"search"},A("search","small"),this.search),t,this.size,this.fold),this.view),e.images.watch(()=>this.update()),e.filter.subscribe(()=>this.update()),e.key.watch(n=>this.follow(n)),new ResizeObserver(()=>this.draw()).observe(this.view),this.resize(this.kept)}workspace;element;filters=u("div",{class:"filters",attrs:{role:"group","aria-label":c("folder.filters")}});search;order;size;fold;tall=u("ul",{class:"tall",attrs:{"aria-label":c("folder.name")}});view;empty=u("div",{class:"empty"});thumbs=new Map;shown=[];active=null;kept=C("folder","strip");focusSearch(){this.kept==="folded"&&this.resize("strip"),this.search.focus(),this.search.select()}grow(){this.resize(this.kept==="tall"?"strip":"tall")}get isTall(){return this.kept==="tall"}resize(e){this.kept=e,z("folder",e),this.element.classList.toggle("tall",e==="tall"),this.element.classList.toggle("folded",e==="folded"),this.view.hidden=e==="folded",j(this.size,{pressed:e==="tall"}),j(this.fold,{icon:e==="folded"?"unfold":"fold",name:c(e==="folded"?"folder.unfold":"folder.fold")}),this.draw(),this.follow(this.workspace.key.value)}filter(e){this.workspace.filter.update(t=>({...t,...e}))}turnOrder(){this.filter({order:this.workspace.filter.value.order==="doubt"?"name":"doubt"})}update(){let{images:e,filter:t}=this.workspace;this.shown=Qt(e.value,t.value),this.writeFilters(),this.order.hidden=!yi(e.value),j(this.order,{pressed:t.value.order==="doubt"});let n=this.shown.length===0,o=e.value.length<=Ul;this.empty.hidden=!n&&!o,this.tall.hidden=n,this.empty.classList.toggle("beside",!n),this.empty.style.setProperty("--shown",String(this.shown.length)),(n||o)&&M(this.empty,u("p",{},c(o?"folder.empty":"folder.noMatch"))),this.draw()}writeFilters(){let{images:e,filter:t}=this.workspace,n=Oe(e.value),o=["all",...ue];this.filters.children.length===0&&M(this.filters,...o.map(i=>y({...i==="all"?{}:{icon:i},name:c(`state.${i}`),text:"",class:"state",testid:`filter-${i}`,attrs:{"data-state":i},press:()=>this.filter({state:t.value.state===i?"all":i})}))),o.forEach((i,r)=>{let a=this.filters.children[r],l=i==="all"?e.value.length:n[i];S(a.querySelector("span"),i==="all"?w("folder.images",l):String(l)),j(a,{name:`${c(`state.${i}`)}: ${i==="all"?w("folder.images",l):l}`,pressed:t.value.state===i})})}follow(e){this.active=e??this.active,this.show(this.active),this.draw()}get cells(){let e=this.tall.querySelector(".thumb")?.clientHeight??Kl;return this.isTall?Ri(this.shown.length,this.view.clientWidth-16,Bi,e):{columns:Math.max(1,this.shown.length),width:Bi,height:e}}show(e){let t=this.shown.findIndex(r=>r.key===e);if(t<0)return;let{columns:n,width:o,height:i}=this.cells;if(this.isTall)this.view.scrollTop=Ae(Math.floor(t/n),i,this.view.scrollTop,this.view.clientHeight);else{let{scrollLeft:r,clientWidth:a}=this.view,l=Ae(t+1,o,Ae(Math.max(0,t-1),o,r,a),a);this.view.scrollLeft=l}}draw(){if(this.view.hidden)return;let{columns:e,width:t,height:n}=this.cells,o=Math.ceil(this.shown.length/e);this.tall.style.setProperty("width",this.isTall?"auto":`${this.shown.length*t+16}px`),this.tall.style.setProperty("height",this.isTall?`${o*n+8}px`:`${n}px`);let i=this.isTall?Ve(o,n,this.view.scrollTop,this.view.clientHeight,1):Ve(this.shown.length,t,this.view.scrollLeft,this.view.clientWidth,2),[r,a]=this.isTall?[i.first*e,Math.min(i.last*e,this.shown.length)]:[i.first,i.last],l=new Map(this.shown.slice(r,a).map((d,h)=>[d.key,{image:d,index:r+h}]));for(let[d,h]of this.thumbs)l.has(d)||h.element.contains(document.activeElement)||(h.element.remove(),this.thumbs.delete(d));for(let[d,{image:h,index:m}]of l){let p=this.thumbs.get(d)??new So(this.workspace,d);this.thumbs.set(d,p);let f=8+m%e*t,g=this.isTall?Math.floor(m/e)*n:0;p.show(h,{x:f,y:g,width:t,index:m,count:this.shown.length},d===this.workspace.key.value,d===(this.active??this.shown[0]?.key)),p.element.parentElement===null&&this.tall.append(p.element)}}key(e){let t=this.shown.findIndex(a=>a.key===this.active),{columns:n}=this.cells,o=this.isTall?n:0,r={ArrowRight:t+1,ArrowLeft:t-1,ArrowDown:t+o,ArrowUp:t-o,Home:0,End:this.shown.length-1}[e.key];r===void 0||e.altKey||e.ctrlKey||e.metaKey||(e.preventDefault(),e.stopPropagation(),this.active=this.shown[Math.max(0,Math.min(r,this.shown.length-1))]?.key??null,this.focusActive())}focusActive(){this.shown.some(e=>e.key===this.active)||(this.active=this.shown[0]?.key??null),this.show(this.active),this.draw(),this.active!==null&&this.thumbs.get(this.active)?.button.focus({preventScroll:!0})}sideways(e){!this.isTall&&e.deltaX===0&&(this.view.scrollLeft+=e.deltaY)}},So=class{element;button;image;badge=u("span",{class:"badge state"});count=u("span",{class:"objects-count",attrs:{"aria-hidden":"true"}});more=u("span",{class:"visually-hidden"});name=u("span",{class:"name ellipsis"});state="";constructor(e,t){this.image=u("img",{attrs:{alt:"",loading:"lazy",decoding:"async",draggable:"false",src:e.thumbnail(t)}}),this.button=u("button",{class:"thumb",attrs:{type:"button","data-key":t,"data-testid":"thumb"},on:{click:()=>{e.openKey(t)}}},u("span",{class:"picture"},this.image,this.count,this.badge),this.name,this.more),this.element=u("li",{},this.button)}show(e,t,n,o){let{button:i}=this;i.style.setProperty("translate",`${t.x}px ${t.y}px`),i.style.setProperty("width",`${t.width}px`),P(this.element,"aria-posinset",t.index+1),P(this.element,"aria-setsize",t.count),P(i,"aria-current",n?"true":null),P(i,"tabindex",o?0:-1);let r=`${e.state} ${e.objects} ${e.error} ${e.name} ${e.doubt}`;if(r===this.state)return;this.state=r;let a=c(`state.${e.state}`),l=e.doubt===null?"":` · ${c("folder.doubt",{percent:Math.round(e.doubt*100)})}`;S(this.more,`, ${e.error??a}, ${w("objects.count",e.objects)}`),P(i,"data-tip",`${e.name} · ${e.error??a}${l}`),S(this.name,Ci(e.name)),this.count.hidden=e.objects===0,S(this.count,String(e.objects)),this.badge.dataset.state=e.state,M(this.badge,A(e.error===null?e.state:"warning")),this.image.hidden=e.error!==null}};var rn=class{constructor(e){this.hints=e}hints;shown=null;greet(){C("hints",!1)||this.show(0)}show(e){this.remove();let t=this.hints[e];if(t===void 0){this.dismiss();return}let n=t.beside();if(!n){this.show(e+1);return}let o=e===this.hints.length-1,i=c(o?"hints.last":"hints.next"),r=u("aside",{class:"hint",attrs:{"aria-label":c("hints.name"),"data-testid":"hint"},on:{keydown:a=>{a.key==="Escape"&&(a.stopPropagation(),this.dismiss())}}},u("p",{},t.text()),u("footer",{},u("span",{class:"small numbers"},c("hints.count",{at:e+1,of:this.hints.length})),u("div",{class:"row"},!o&&y({name:c("hints.skip"),text:c("hints.skip"),testid:"skip-hints",press:()=>this.dismiss()}),y({name:i,text:i,testid:"next-hint",press:()=>this.show(e+1)}))));this.shown=r,document.body.append(r),Ue(r,n.getBoundingClientRect(),t.side)}dismiss(){this.remove(),z("hints",!0)}remove(){this.shown?.remove(),this.shown=null}};var ie=class{element;progress;told=u("span",{class:"grow small numbers ellipsis"});constructor(e,t,n=null){this.progress=new _(e),S(this.told,e),this.element=u("div",{class:"job-card",attrs:{"data-testid":t,role:"status"}},u("div",{class:"row"},this.told,n&&y({icon:"close",name:c("cancel"),press:n})),this.progress.element)}set(e,t){S(this.told,e),this.progress.set(t)}};var Vl=new Set(["Enter"," ","ArrowUp","ArrowDown","ArrowLeft","ArrowRight","Home","End","PageUp","PageDown"]),Wl=new Set(["images.doneNext","view.export"]);function Di(s){addEventListener("keydown",e=>{if(e.defaultPrevented||e.isComposing||document.querySelector("dialog[open]")!==null)return;let t=fi(e);if(t===null||di(e.target)&&!Wl.has(t))return;let n=!e.ctrlKey&&!e.metaKey&&!e.altKey,o=e.target instanceof Element&&e.target.matches("input, [role=slider]");n&&o&&Vl.has(e.key)||t==="objects.copyImage"&&String(getSelection())!==""||s(t)&&e.preventDefault()})}var an=class{constructor(e){this.workspace=e;this.element=u("section",{class:"pane labels",attrs:{"aria-label":c("labels.name")}},u("header",{},u("h2",{},c("labels.name")),u("span",{class:"grow"}),y({icon:"add",name:c("keys.labels.add"),action:"labels.add",testid:"add-label",press:()=>this.add()})),this.list),e.labels.watch(()=>this.write()),e.label.subscribe(()=>this.mark()),e.objects.subscribe(()=>this.writeCounts())}workspace;element;list=u("ul",{class:"list scroll",attrs:{"aria-label":c("labels.name"),"data-testid":"labels",tabindex:-1}});add(){this.edit(null)}write(){let{labels:e}=this.workspace;if(e.value.length===0){M(this.list,u("li",{class:"empty small grow"},u("p",{},c("labels.empty"))));return}let t=document.activeElement instanceof HTMLElement?document.activeElement.closest(".label-row")?.dataset.name:void 0;M(this.list,...e.value.map(n=>this.row(n))),this.mark(),this.writeCounts(),t!==void 0&&this.rowOf(t)?.querySelector("button")?.focus()}rowOf(e){return[...this.list.querySelectorAll(".label-row")].find(t=>t.dataset.name===e)}mark(){for(let e of this.list.querySelectorAll(".label-row"))P(e.firstElementChild,"aria-pressed",String(e.dataset.name===this.workspace.label.value))}writeCounts(){let e=new Map;for(let t of this.workspace.objects.value)e.set(t.label,(e.get(t.label)??0)+1);for(let t of this.list.querySelectorAll(".label-row")){let n=t.querySelector(".count");n&&(n.textContent=String(e.get(t.dataset.name??null)??""))}}row(e){let t=u("span",{class:"swatch",style:{"--color":e.color}}),n=u("button",{class:"pick",attrs:{type:"button","aria-pressed":"false","aria-keyshortcuts":e.key,"data-testid":"label"},on:{click:()=>this.workspace.labelBook.give(e.name)}},t,u("span",{class:"ellipsis"},e.name),u("span",{class:"count soft small numbers"}),e.key!==null&&u("kbd",{attrs:{"aria-hidden":"true"}},e.key)),o=y({icon:"menu",name:c("labels.more",{name:e.name}),attrs:{"aria-haspopup":"menu","aria-expanded":"false"},press:()=>Z(o,e.name,[{text:c("labels.edit"),icon:"brush",choose:()=>this.edit(e)},{text:c("labels.remove"),icon:"trash",choose:()=>this.workspace.labelBook.remove(e.name)},"line",{heading:c("labels.key")},...["1","2","3","4","5","6","7","8","9"].map(i=>({text:i,checked:e.key===i,choose:()=>this.workspace.labelBook.setKey(e.name,i)}))])});return o.querySelector("svg")?.classList.add("small"),u("li",{class:"label-row",attrs:{"data-name":e.name}},n,o)}keep(e,t,n){let{labelBook:o,labels:i}=this.workspace;if(e!==null)return o.edit(e.name,t,n);let r=i.value,a=o.add(t,n);return a&&o.keepUndoable(r),a}edit(e){let t=document.activeElement,n=u("input",{class:"field",attrs:{"aria-label":c("labels.nameOf"),placeholder:c("labels.nameOf"),maxlength:200,spellcheck:"false","data-testid":"label-name"}}),o=u("input",{attrs:{type:"color","aria-label":c("details.color")}});n.value=e?.name??"",o.value=e?.color??this.workspace.labelBook.nextColor();let i=u("form",{class:"row grow",attrs:{"aria-label":e===null?c("keys.labels.add"):c("labels.edit")}},o,n,u("button",{class:"button icon-only",attrs:{type:"submit","aria-label":c("labels.keep")}},A("check"))),r=u("li",{class:"label-form"},i),a=!1,l=h=>{if(a)return;a=!0;let m=n.value.trim();(!h||m===""||!this.keep(e,m,o.value))&&this.write();let p=h?this.rowOf(m):void 0;if(p?.scrollIntoView({block:"nearest"}),document.activeElement!==document.body&&!i.contains(document.activeElement))return;((t instanceof HTMLElement&&t!==document.body&&t.isConnected?t:p?.querySelector("button"))??this.element.querySelector("header .button"))?.focus()};i.addEventListener("submit",h=>{h.preventDefault(),l(!0)}),i.addEventListener("keydown",h=>{h.key==="Escape"&&(h.stopPropagation(),l(!1))}),i.addEventListener("focusout",h=>{!(h.relatedTarget instanceof Node&&i.contains(h.relatedTarget))&&document.hasFocus()&&l(!0)});let d=e===null?void 0:this.rowOf(e.name);d?d.replaceWith(r):(this.list.querySelector(".empty")?.remove(),this.list.append(r)),r.scrollIntoView({block:"nearest"}),n.focus(),n.select()}};var _l=["label","mask","color","attributes","hidden","locked"];function Ni({mine:s,theirs:e}){if(s===null||e===null)return[];let t=n=>le({part:s[n]})===le({part:e[n]});return _l.filter(n=>!t(n))}async function ln(s,e,t,n,o=new AbortController().signal){let{source:i}=e,r=i.size*2**t;await Promise.all(ze(n,t,i.size,e).map(async({column:a,row:l})=>{let d=await i.load(t,a,l,o);s.drawImage(d,(a*r-n[0])/2**t,(l*r-n[1])/2**t),d.close()}))}function zi([s,e,t,n],o,i){let r=1.3*Math.max(t-s,(n-e)*o,16*o),a=Math.min(r,Math.max(i.width,i.height*o)),l=a/o,d=(p,f,g)=>f>=g?(g-f)/2:Math.max(0,Math.min(p-f/2,g-f)),h=d((s+t)/2,a,i.width),m=d((e+n)/2,l,i.height);return[h,m,h+a,m+l]}var Fi=216,Hi=144;function qi(s,e,t,n){let o=Math.min(2,devicePixelRatio||1),i=u("canvas",{class:"preview",attrs:{width:Fi*o,height:Hi*o,"aria-hidden":"true"}}),r=i.getContext("2d");if(r===null)return i;let a=T(s),l=zi(t,Fi/Hi,a),d=i.width/(l[2]-l[0]),h=()=>{let m={scale:d,left:l[0]*d,top:l[1]*d},p={x:0,y:0,width:i.width,height:i.height};Q(r,m,p,$(a),{color:e,fill:.4,line:1.5,cased:!0},o)};return h(),n.then(async m=>{if(m===null)return;let p=ye(d,m.source.levels);r.setTransform(d*2**p,0,0,d*2**p,0,0),await ln(r,m,p,l),h()}).catch(()=>{}),i}function To(s){let{name:e,conflicts:t,answer:n}=s,o=new Map,i=!1,r=t.map((f,g)=>new Mo(s,f,g,b=>a(f.uid,b))),a=(f,g)=>{o.set(f,g),j(d,{disabled:o.size<t.length})},l=(f,g)=>y({name:g,text:g,kind:"plain",testid:`all-${f}`,press:()=>r.forEach(b=>b.choose(f))}),d=y({name:c("conflict.keep"),text:c("conflict.keep"),kind:"primary",testid:"keep-chosen",press:()=>{i=!0,p.close(),n(Object.fromEntries(o))}});j(d,{disabled:!0});let h=u("div",{class:"row",attrs:{role:"group","aria-label":c("conflict.forAll")}},u("span",{class:"soft grow"},c("conflict.forAll")),l("mine",c("conflict.allMine")),l("theirs",c("conflict.allTheirs"))),m=u("div",{class:"versions"},...r.map(({element:f})=>f)),p=G({title:c("conflict.title"),testid:"conflict",mustChoose:!0,closed:()=>!i&&To(s),body:[u("p",{},w("conflict.told",t.length,{name:e})),u("p",{class:"soft"},c("conflict.more")),t.length>1&&h,m],footer:[d]})}var Mo=class{constructor(e,t,n,o){this.question=e;this.conflict=t;this.chosen=o;let{mine:i,theirs:r}=t,a=Ni(t).map(h=>E(`conflict.part.${h}`)),l=a.length>0?c("conflict.differs",{what:a.join(", ")}):"",d=`${n+1} ${(r??i)?.label??c("objects.noLabel")}`;this.element=u("fieldset",{class:"version-row",attrs:{"data-testid":"version-row","data-uid":t.uid}},u("legend",{},d," ",u("span",{class:"soft small"},l)),u("div",{class:"row"},this.version("mine",c("conflict.mine"),i),this.version("theirs",c("conflict.theirs"),r))),this.drawWhenSeen()}question;conflict;chosen;element;radios=new Map;choose(e){this.radios.get(e).checked=!0,this.chosen(e)}version(e,t,n){let o=u("input",{attrs:{type:"radio",name:`version-${this.conflict.uid}`,value:e,"data-testid":`choose-${e}`},on:{change:()=>this.chosen(e)}});this.radios.set(e,o);let i=n===null?c("conflict.removed"):n.label??c("objects.noLabel");return u("label",{class:"version"},u("span",{class:"row"},o,u("span",{class:"ellipsis"},t)),u("span",{class:"preview",attrs:{"data-version":e}}),u("span",{class:n===null?"soft ellipsis":"ellipsis"},i))}drawWhenSeen(){let e=new IntersectionObserver(t=>{t.some(({isIntersecting:n})=>n)&&(e.disconnect(),this.draw())});e.observe(this.element)}draw(){let{image:e,colorOf:t}=this.question,{mine:n,theirs:o}=this.conflict,i=Gl([n,o]);if(i!==null)for(let[r,a]of Object.entries({mine:n,theirs:o}))a!==null&&this.element.querySelector(`[data-version=${r}]`)?.replaceWith(qi(a.mask,t(a),i,e))}};function Gl(s){let e=s.flatMap(n=>n===null?[]:[T(n.mask).box]).filter(n=>n!==null),t=n=>e.map(o=>o[n]);return e.length===0?null:[Math.min(...t(0)),Math.min(...t(1)),Math.max(...t(2)),Math.max(...t(3))]}var Jl=1500,Yl=5e3,cn=class{constructor(e,t,n,o,i){this.client=e;this.workspace=t;this.unsent=n;this.page=o;this.video=i}client;workspace;unsent;page;video;asking=Promise.resolve();async listen(){let{workspace:e,client:t}=this,n=0;await $o({open:o=>t.events(o),hear:({data:o})=>this.hear(JSON.parse(o)),connected:o=>{clearTimeout(n),o&&(e.saver.status.value.state!=="refused"&&this.workspace.notices.banner(null),e.saver.retry(),e.loadImages().then(()=>{e.images.value.forEach(i=>e.saver.told(i.key,i.version)),e.reopen(),this.video()?.model.reload()},()=>{}))},lost:()=>{clearTimeout(n),n=window.setTimeout(()=>this.workspace.notices.banner(c("banner.offline")),Jl)},signal:new AbortController().signal})}hear(e){let{workspace:t}=this;e.type==="frame"||e.type==="video"?this.video()?.hear(e):e.type==="image"?t.told(e.summary):e.type==="images"?t.loadImages().catch(()=>{}):e.type==="document"?t.saver.told(e.key,e.version):this.client.project().then(n=>t.labels.set(n.labels),()=>{})}async resume(){let e=globalThis.isSecureContext?navigator.locks:null;e?.request(this.page,()=>new Promise(()=>{}));let t=new Set((await e?.query())?.held?.map(i=>i.name)??[]),n=i=>t.has(i);await Promise.race([this.unsent.recover(n),Y(Yl)]);let o=await this.workspace.saver.resume(n);o.length>0&&this.workspace.notices.toast(w("save.notSent",o.length),{bad:!0})}choose(e,t){let{workspace:n}=this,o=()=>new Promise(r=>{let a=n.summary(e)?.name??e;To({name:a,conflicts:t,image:n.pictureOf(e),colorOf:l=>n.colorOf(l),answer:r})}),i=this.asking.then(o);return this.asking=i,i}};var We=300,$i=3e4,dn=class{constructor(e,t,n){this.client=e;this.workspace=t;this.cards=n}client;workspace;cards;async load(){let{workspace:e,client:t}=this,n=new ie(c("models.loading"),"model-loading"),o=performance.now(),i=await t.models().catch(()=>[]);for(;i.length===0;i=await t.models().catch(()=>[])){let l=performance.now()-o;l>We&&!n.element.isConnected&&this.cards.append(n.element),l>$i&&n.set(await this.whyNotReady(),null),await Y(l>$i?5e3:400)}n.element.remove(),e.models.set(i);let r=C("model",null),a=i.map(l=>l.name);e.model.set(r!==null&&a.includes(r)?r:a[0]??null)}async whyNotReady(){try{return await this.client.call("/ready",{patient:!1}),c("models.loading")}catch(e){return L(e)}}async loaded(e){let{models:t}=this.workspace;t.value.length===0&&await new Promise(n=>{let o=t.subscribe(()=>{o(),n()})}),e?.throwIfAborted()}};function Pe(s){let e=new v(!1),t;return s.watch(n=>{clearTimeout(t),n?t=setTimeout(()=>e.set(!0),We):e.set(!1)}),e}var Ki=6e3,Zl=3,un=class{toasts=u("div",{class:"toasts",attrs:{role:"region","aria-label":c("notices.name")}});bannerPlace=u("div",{class:"banner-place",attrs:{role:"status"}});polite=u("div",{class:"visually-hidden",attrs:{role:"status","aria-live":"polite","data-testid":"live"}});urgent=u("div",{class:"visually-hidden",attrs:{role:"alert"}});live=u("div",{},this.polite,this.urgent);turn=!1;shown=[];announce(e){this.turn=!this.turn,this.polite.textContent=this.turn?e:`${e} `}toast(e,t={}){let n=0,o=()=>{clearTimeout(n),d.remove(),this.shown=this.shown.filter(h=>h.element!==d)},i=()=>clearTimeout(n),r=()=>{t.stays||(n=window.setTimeout(o,t.bad?Ki*2:Ki))},{does:a}=t,l=a&&y({name:a.text,text:a.text,press:()=>{o(),a.press()}}),d=u("div",{class:t.bad?"toast bad":"toast",attrs:{"data-testid":"toast"},on:{pointerenter:i,pointerleave:r,focusin:i,focusout:r}},u("span",{class:"grow"},e),l,y({icon:"close",name:c("close"),press:o}));this.toasts.append(d),this.shown.push({element:d,text:e,stays:t.stays===!0,close:o}),this.shown.length>Zl&&(this.shown.find(h=>!h.stays)??this.shown[0]).close(),t.bad?this.urgent.textContent=e:this.announce(e),r()}withdraw(e){for(let t of this.shown.filter(n=>n.text===e))t.close()}banner(e,t="offline"){e===null?M(this.bannerPlace):this.bannerPlace.textContent!==e&&M(this.bannerPlace,u("div",{class:"banner",attrs:{"data-testid":"banner"}},A(t),u("span",{},e)))}};function re(s,e,t=!1,n){return{text:E(`keys.${e}`),action:e,disabled:t,testid:`menu-${e}`,choose:()=>s.run(e),...n&&{icon:n}}}function Ql(s,e){let t=s.selection.value,n=t.has(e.uid)?t:new Set([e.uid]),o=new Set([...t,e.uid]),i=s.objects.value.filter(({uid:m})=>n.has(m)),r=i.every(({locked:m})=>m),a=i[0]??e,l=(m,p,f,g=n,b)=>({text:b??E(`keys.${m}`),icon:p,action:m,disabled:f,testid:`menu-${m}`,choose:()=>{s.selection.set(g),s.run(m)}}),d=(m,p,f,g)=>({text:p,icon:f,action:g,testid:`menu-${g}`,choose:()=>s.edits.toggle(n,m)}),h=e.label??c("objects.noLabel");return[{heading:n.size>1?w("objects.chosen",n.size):`${s.numberOf(e.uid)} ${h}`},{text:c("keys.tool.select"),icon:"select",testid:"menu-select",disabled:t.size===1&&t.has(e.uid),choose:()=>s.selection.set(new Set([e.uid]))},l("objects.rename","text",r),l("objects.refine","refine",r||n.size>1),l("objects.merge","merge",r||o.size<2,o,c("menu.merge")),"line",d("hidden",c(a.hidden?"menu.show":"menu.hide"),a.hidden?"visible":"hidden","objects.hide"),d("locked",c(a.locked?"menu.unlock":"menu.lock"),a.locked?"unlocked":"locked","objects.lock"),l("objects.copyImage","copyImage",!1),"line",l("objects.delete","trash",r)]}function Xl(s){let{objects:e,project:t}=s,n=e.value.length===0,o=(...i)=>t.value?.kind==="video"?[]:i;return[re(s,"objects.all",n),{text:c("objects.showAll"),icon:"visible",testid:"menu-show-all",disabled:!e.value.some(({hidden:i})=>i),choose:()=>s.edits.showAll()},re(s,"objects.code",n,"code"),...o(re(s,"objects.fromBefore",!1,"before")),"line",...o(re(s,"images.doneNext",!1,"check"),re(s,"images.doubt",!1,"doubt"),"line"),re(s,"view.fit",!1,"fit")]}function jo(s,e,t,n){let o=s.objects.value.find(i=>i.uid===n);o===void 0?xo(e,t,c("menu.image"),Xl(s)):xo(e,t,c("menu.object"),Ql(s,o))}function Ui(s,e,t){s.on("menu",n=>{if(e.open.value===null)return;if(t()){e.notices.announce(c("video.moving"));return}let{uid:o,screen:i}=ec(n,s,e),{left:r,top:a}=s.host.getBoundingClientRect();jo(e,s.host,[r+i[0],a+i[1]],o)})}function ec({at:s,screen:e},t,n){if(s!==null)return{uid:t.objectsAt(s).find(h=>n.numberOf(h)>0),screen:e};let o=n.chosen().at(-1),i=o&&T(o.mask).box;if(!o||!i)return{uid:void 0,screen:e};let{width:r,height:a}=t.viewport.screen,[l,d]=t.viewport.toScreen([(i[0]+i[2])/2,(i[1]+i[3])/2]);return{uid:o.uid,screen:[Math.max(0,Math.min(l,r)),Math.max(0,Math.min(d,a))]}}var tc=6,hn=class{constructor(e){this.workspace=e;this.list=u("div",{class:"list scroll",attrs:{role:"grid","aria-multiselectable":"true","aria-label":c("objects.name"),"data-testid":"objects"},on:{scroll:()=>this.draw(),keydown:n=>this.key(n),pointerleave:()=>e.pointed.set(null)}},this.tall),this.empty=u("div",{class:"empty grow"},A("point"),u("p",{},c("objects.empty")),u("p",{class:"small"},c("objects.emptyMore")));let t=y({icon:"menu",name:c("objects.more"),attrs:{"aria-haspopup":"menu","aria-expanded":"false"},testid:"objects-menu",press:()=>this.menu(t)});this.element=u("section",{class:"pane objects",attrs:{"aria-label":c("objects.name")}},u("header",{},u("h2",{},c("objects.name")),this.count,u("span",{class:"grow"}),t),this.list,this.empty),e.objects.watch(()=>this.update()),e.selection.watch(()=>this.follow()),e.pointed.subscribe(()=>this.draw()),e.labels.subscribe(()=>this.draw()),new ResizeObserver(()=>this.update()).observe(this.list)}workspace;element;count=u("span",{class:"count",attrs:{"data-testid":"object-count"}});tall=u("div",{class:"tall",attrs:{role:"presentation"}});list;empty;rows=new Map;shown=[];rowHeight=32;active=null;anchor=null;update(){this.shown=[...this.workspace.objects.value].reverse(),S(this.count,String(this.shown.length)),this.empty.hidden=this.shown.length>0||this.workspace.open.value===null,this.list.hidden=this.shown.length===0,this.rowHeight=parseFloat(getComputedStyle(this.element).getPropertyValue("--row"))||32,this.tall.style.setProperty("height",`${this.shown.length*this.rowHeight}px`),P(this.list,"aria-rowcount",this.shown.length),this.shown.some(e=>e.uid===this.active)||(this.active=this.shown[0]?.uid??null),this.draw()}follow(){let t=[...this.workspace.selection.value].at(-1);t!==void 0&&!this.list.contains(document.activeElement)&&this.activate(t,!1),this.draw()}draw(){if(this.list.hidden)return;let{scrollTop:e,clientHeight:t}=this.list,{first:n,last:o}=Ve(this.shown.length,this.rowHeight,e,t,tc),i=this.shown.slice(n,o),r=this.shown.find(l=>l.uid===this.active);r&&!i.includes(r)&&i.push(r);let a=new Set(i.map(l=>l.uid));for(let[l,d]of this.rows)a.has(l)||(d.element.remove(),this.rows.delete(l));for(let l of i){let d=this.shown.indexOf(l),h=this.rows.get(l.uid)??this.addRow(l.uid);h.show(l,d,this.rowHeight,l.uid===this.active),h.element.parentElement===null&&this.tall.append(h.element)}this.sortRows(a)}sortRows(e){let t=null;for(let n of this.shown){if(!e.has(n.uid))continue;let o=this.rows.get(n.uid).element;o.previousElementSibling!==t&&o!==document.activeElement&&(t?t.after(o):this.tall.prepend(o)),t=o}}addRow(e){let t=new Eo(this.workspace,{press:n=>this.press(e,n),drag:n=>this.drag(e,n)});return this.rows.set(e,t),t}press(e,t){let{selection:n}=this.workspace;if(t.shiftKey&&this.anchor!==null)n.set(new Set(this.between(this.anchor,e)));else if(t.ctrlKey||t.metaKey){let o=new Set(n.value);o.delete(e)||o.add(e),n.set(o),this.anchor=e}else n.set(new Set([e])),this.anchor=e;this.activate(e,!0)}between(e,t){let n=this.shown.map(r=>r.uid),[o,i]=[n.indexOf(e),n.indexOf(t)].sort((r,a)=>r-a);return o<0?[t]:n.slice(o,i+1)}activate(e,t){let n=this.shown.findIndex(o=>o.uid===e);n<0||(this.active=e,this.list.scrollTop=Ae(n,this.rowHeight,this.list.scrollTop,this.list.clientHeight),this.draw(),t&&this.rows.get(e)?.element.focus({preventScroll:!0}))}key(e){let t=this.shown.findIndex(a=>a.uid===this.active),n=Math.max(1,Math.floor(this.list.clientHeight/this.rowHeight)-1),i={ArrowDown:t+1,ArrowUp:t-1,Home:0,End:this.shown.length-1,PageDown:t+n,PageUp:t-n}[e.key],r=this.active===null?void 0:this.rows.get(this.active);if(i!==void 0&&!e.altKey){let a=this.shown[Math.max(0,Math.min(i,this.shown.length-1))];a&&e.ctrlKey?this.activate(a.uid,!0):a&&this.press(a.uid,{shiftKey:e.shiftKey,ctrlKey:!1,metaKey:!1})}else if(e.key===" "&&document.activeElement===r?.element)this.press(this.active,{shiftKey:!1,ctrlKey:!0,metaKey:!1});else if(e.key==="Enter"&&document.activeElement===r?.element)this.workspace.run("objects.rename");else if(e.key==="ArrowRight")r?.step(1);else if(e.key==="ArrowLeft")r?.step(-1);else return;e.preventDefault(),e.stopPropagation()}drag(e,t){let n=this.workspace.selection.value.has(e)?this.workspace.selection.value:new Set([e]),o=t.currentTarget,i=null,r=()=>{for(let[d,h]of this.rows){let m=this.shown.findIndex(p=>p.uid===d);h.element.classList.toggle("dragged",i!==null&&n.has(d)),h.element.classList.toggle("before",m===i),h.element.classList.toggle("after",i===this.shown.length&&m===i-1)}},a=d=>{if(i===null&&Math.abs(d.clientY-t.clientY)<4)return;let h=this.list.getBoundingClientRect();d.clientY<h.top+16&&(this.list.scrollTop-=8),d.clientY>h.bottom-16&&(this.list.scrollTop+=8);let m=d.clientY-h.top+this.list.scrollTop;i=Math.max(0,Math.min(this.shown.length,Math.round(m/this.rowHeight))),r()},l=d=>{o.removeEventListener("pointermove",a),o.removeEventListener("pointerup",l),o.removeEventListener("pointercancel",l);let h=i;if(i=null,r(),h===null||d.type==="pointercancel")return;let m=this.shown.slice(h).filter(p=>!n.has(p.uid)).length;this.workspace.edits.moveTo(n,m)};o.setPointerCapture(t.pointerId),o.addEventListener("pointermove",a),o.addEventListener("pointerup",l),o.addEventListener("pointercancel",l)}menu(e){let{workspace:t}=this,n=this.shown.length===0,o=t.selection.value.size;Z(e,c("objects.more"),[re(t,"objects.all",n),re(t,"objects.fromBefore",!1,"before"),"line",{text:c("objects.showAll"),icon:"visible",disabled:!this.shown.some(i=>i.hidden),choose:()=>t.edits.showAll()},...o>1?[{heading:w("objects.chosen",o)}]:[]])}},Eo=class{constructor(e,t){this.workspace=e;let n=o=>i=>{i.stopPropagation(),this.object&&e.edits.toggle(new Set([this.object.uid]),o)};this.swatch=u("span",{class:"swatch",attrs:{title:c("objects.drag")},on:{pointerdown:t.drag}}),this.eye=y({icon:"visible",name:"",attrs:{tabindex:-1},press:n("hidden")}),this.lock=y({icon:"unlocked",name:"",attrs:{tabindex:-1},press:n("locked")});for(let o of[this.eye,this.lock])o.querySelector("svg")?.classList.add("small");this.element=u("div",{class:"object",attrs:{role:"row","data-testid":"object"},on:{click:t.press,dblclick:()=>e.run("objects.rename"),contextmenu:o=>this.menu(o),pointerenter:()=>e.pointed.set(this.object?.uid??null)}},u("div",{attrs:{role:"gridcell"}},this.swatch),this.label,this.score,u("div",{attrs:{role:"gridcell"}},this.eye),u("div",{attrs:{role:"gridcell"}},this.lock))}workspace;element;swatch;label=u("div",{class:"label",attrs:{role:"gridcell"}});score=u("div",{class:"score",attrs:{role:"gridcell"}});eye;lock;object=null;written="";show(e,t,n,o){this.object=e;let{element:i,workspace:r}=this,a=r.numberOf(e.uid);i.dataset.uid=e.uid,i.style.setProperty("translate",`0 ${t*n}px`),P(i,"aria-rowindex",t+1),P(i,"aria-selected",String(r.selection.value.has(e.uid))),P(i,"tabindex",o?0:-1),i.classList.toggle("pointed",r.pointed.value===e.uid),i.classList.toggle("hidden-object",e.hidden),this.swatch.style.setProperty("--color",r.colorOf(e)),S(this.swatch,String(a));let l=`${e.label??""}
${e.score??""}
${e.source}
${e.hidden}
${e.locked}`;if(l===this.written)return;this.written=l;let d=e.label??c("objects.noLabel");M(this.label,u("span",{class:e.label===null?"none ellipsis":"ellipsis"},d),e.source==="suggestion"&&u("span",{attrs:{"data-tip":c("source.suggestion"),"aria-label":c("source.suggestion"),role:"img"}},A("suggested","small"))),S(this.score,e.score===null?"":e.score.toFixed(2)),P(this.score,"aria-label",e.score===null?null:c("objects.score",{score:e.score.toFixed(2)})),j(this.eye,{icon:e.hidden?"hidden":"visible",name:c(e.hidden?"objects.show":"objects.hide",{name:d}),pressed:e.hidden}),j(this.lock,{icon:e.locked?"locked":"unlocked",name:c(e.locked?"objects.unlock":"objects.lock",{name:d}),pressed:e.locked}),this.eye.classList.toggle("quiet",!e.hidden),this.lock.classList.toggle("quiet",!e.locked)}menu(e){e.preventDefault();let{left:t,bottom:n}=this.element.getBoundingClientRect(),o=e.button===2?[e.clientX,e.clientY]:[t+24,n];jo(this.workspace,this.element,o,this.object?.uid)}step(e){let t=[this.element,this.eye,this.lock],n=t.findIndex(o=>o===document.activeElement);t[Math.max(0,Math.min(n+e,t.length-1))]?.focus()}};var nc=[16,32,64],oc=1e3;function Vi(s,e,t){let n=u("input",{class:"field",attrs:{type:"text",placeholder:c("text.example"),"aria-label":c("text.phrase"),maxlength:oc,enterkeyhint:"search","data-testid":"phrase",...s},on:{keydown:o=>{o.key==="Enter"&&!o.isComposing&&!o.shiftKey&&e(n.value),o.key==="Escape"&&t()}}});return n}function Wi(s={}){return u("select",{class:"field",attrs:{"data-testid":"fineness",...s}},...nc.map(e=>u("option",{attrs:{value:e}},E(`everything.points${e}`))))}function _i(s){let e=u("output",{class:"numbers"}),t=u("input",{attrs:{type:"range",min:0,max:1,step:.01,"aria-label":c("text.threshold"),"data-testid":"threshold"},on:{input:()=>s.set(Number(t.value))}});return s.watch(n=>{t.value=String(n),S(e,n.toFixed(2))}),{slider:t,shown:e}}function Gi({found:s,shown:e}){let t=s.length-e.length;return w("found.count",e.length)+(t===0?"":` ${c("found.below",{count:t})}`)}var sc=50,mn=1,Ji=300,pn=class{constructor(e,t,n){this.workspace=e;this.tools=t;this.settings=n;let o=this.brush();this.panels={point:this.session(t.point.session),box:this.session(t.box.session),brush:o,eraser:o,text:this.text(),like:this.found("like",t.like,u("p",{class:"small soft"},c("like.told")),this.detectors("like"),this.threshold()),everything:this.everything(),salient:this.found("salient",t.salient,this.start("salient",c("salient.go"),t.salient,()=>{t.salient.run()}))},e.tool.watch(i=>this.show(i)),e.models.subscribe(()=>this.show(e.tool.value)),e.open.subscribe(()=>this.show(e.tool.value))}workspace;tools;settings;element=u("section",{class:"tool-panel",attrs:{"data-testid":"tool-panel"}});panels={};focus(){([...this.element.querySelectorAll("textarea, input[type=text], .primary, [data-typing]")].find(t=>t.offsetParent!==null)??{focus:this.workspace.focusStage}).focus()}show(e){let t=this.panels[e],n=e==="point"||e==="box"?this.tools[e].session:null;this.element.classList.toggle("draft",n!==null),this.element.hidden=t===void 0||this.workspace.open.value===null||n?.state.value.phase==="idle"||n?.state.value.phase==="preview",this.element.setAttribute("aria-label",E(`keys.tool.${e}`)),t&&t.parentElement!==this.element&&M(this.element,t)}session(e){let t=u("span",{class:"small soft numbers grow ellipsis",attrs:{"data-testid":"draft"}}),n=d=>()=>{d(),this.workspace.focusStage()},o=y({icon:"check",name:c("prompt.accept"),text:c("prompt.accept"),kind:"primary",action:"prompt.accept",testid:"accept",press:n(()=>e.accept())}),i=y({name:c("keys.prompt.candidate"),text:"",kind:"plain",action:"prompt.candidate",class:"numbers",testid:"candidate",press:n(()=>e.cycle(1))}),r=y({icon:"takeAway",name:c("keys.prompt.background"),action:"prompt.background",testid:"take-away",press:n(()=>e.takesAway.update(d=>!d))});e.takesAway.watch(d=>j(r,{pressed:d}));let a=y({icon:"close",name:c("keys.prompt.cancel"),action:"prompt.cancel",testid:"drop",press:n(()=>e.drop())}),l=u("div",{class:"row"});return e.state.watch(d=>{let h=d.score===null?"":` · ${c("prompt.score",{score:d.score.toFixed(2)})}`,m=this.workspace.preparing.isNew(this.workspace.open.value?.image??""),p=c(m?"prompt.preparing":"prompt.busy");S(t,d.busy?p:c("prompt.refine")+h),l.setAttribute("aria-busy",String(d.busy));let f=d.candidates>1?c("prompt.candidates",{at:d.candidate+1,of:d.candidates}):c("prompt.other");j(i,{disabled:d.candidates<2,name:`${f}: ${c("keys.prompt.candidate")}`}),S(i.querySelector("span"),f),this.show(this.workspace.tool.value)}),l.append(t,r,i,o,a),l}brush(){let{brushRadius:e,pressure:t}=this.settings,n=u("output",{class:"small soft numbers"}),o=u("input",{attrs:{type:"range",min:0,max:100,step:1,"aria-label":c("brush.size"),"data-testid":"brush-size"},on:{input:()=>e.set(mn*(Ji/mn)**(Number(o.value)/100))}});return e.watch(i=>{o.value=String(Math.round(100*Math.log(i/mn)/Math.log(Ji/mn)));let r=c("brush.pixels",{pixels:Math.round(2*i)});S(n,r),o.setAttribute("aria-valuetext",r)}),u("div",{class:"stack"},u("div",{class:"line"},u("span",{class:"small soft"},c("brush.size")),n),o,oe(c("brush.pressure"),t.value,i=>t.set(i)))}text(){let{text:e}=this.tools,t=()=>{e.search(n.value)},n=Vi({spellcheck:"true"},t,this.workspace.focusStage);return this.found("text",e,u("label",{class:"stack"},u("span",{class:"small soft"},c("text.phrase")),n),this.detectors("text"),this.start("text",c("text.go"),e,t),this.threshold())}everything(){let{everything:e}=this.tools,t=Wi(),n=new _(c("keys.tool.everything"));e.busy.watch(i=>n.element.hidden=!i),e.job.watch(i=>n.set(i?.progress&&i.progress.total>0?i.progress.done/i.progress.total:null));let o=this.start("everything",c("everything.go"),e,()=>{e.run(Number(t.value))});return this.found("everything",e,ae(c("everything.fineness"),t),o,n.element)}start(e,t,n,o){let i=y({icon:"search",name:t,text:t,kind:"primary",testid:`${e}-go`,class:"grow",press:o}),r=y({name:c("cancel"),text:c("cancel"),kind:"plain",testid:`${e}-stop`,press:()=>n.stop()});return n.busy.watch(a=>{j(i,{disabled:a}),j(r,{disabled:!a})}),u("div",{class:"line"},i,r)}detectors(e){let{models:t,model:n,detector:o}=this.workspace,i=u("select",{class:"field",attrs:{"data-testid":`${e}-detector`},on:{change:()=>o.set(i.value)}}),r=ae(c("text.detector"),i),a=()=>{let l=Wt(e,t.value);r.hidden=l.length<2,M(i,...l.map(d=>u("option",{attrs:{value:d.name}},d.name))),i.value=Ee(e,t.value,{model:n.value,detector:o.value})??""};return t.watch(a),o.subscribe(a),r}threshold(){let{slider:e,shown:t}=_i(this.settings.threshold);return t.classList.add("small"),u("div",{},u("div",{class:"line"},u("span",{class:"small soft"},c("text.threshold")),t),e)}found(e,t,...n){let{proposals:o}=t,i=u("p",{class:"small soft",attrs:{"data-testid":"why-not","data-typing":"",tabindex:-1},on:{keydown:({key:b})=>b==="Escape"&&this.workspace.focusStage()}}),r=u("p",{class:"small soft numbers",attrs:{"data-testid":"found-count"}}),a=u("ul",{class:"found scroll",attrs:{"aria-label":c("found.name"),tabindex:-1}}),l=y({icon:"check",name:c("found.acceptAll"),text:c("found.acceptAll"),kind:"primary",action:"prompt.accept",testid:"accept-all",class:"grow",press:()=>{o.acceptAll(),this.workspace.focusStage()}}),d=y({name:c("found.clear"),text:c("found.clear"),kind:"plain",press:()=>o.clear()}),h=u("div",{class:"stack"},r,a,u("div",{class:"line"},l,d)),m=u("p",{class:"small soft",attrs:{"data-testid":`${e}-shown`}},c("found.inShown"));this.workspace.open.watch(b=>m.hidden=b?.raster!==!0);let p=u("div",{class:"stack"},...n,m),f=!1;t.busy.subscribe(b=>f||=b),o.state.watch(({found:b,shown:k})=>{h.hidden=b.length===0&&!f,S(r,b.length===0?c("found.none"):Gi({found:b,shown:k})),j(l,{disabled:k.length===0});let O=new Set(k);M(a,...b.slice(0,sc).map(x=>this.row(t,x,O.has(x)))),a.hidden=b.length===0});let{models:g}=this.workspace;return g.watch(()=>{let b=g.value.length>0&&Wt(e,g.value).length===0;p.hidden=b,i.hidden=!b,S(i,b?E(`missing.${e}`):""),b&&(h.hidden=!0)}),u("div",{class:"stack"},i,p,h)}row({proposals:e},{id:t,mask:n},o){let i=n.score??0;return u("li",{class:o?"":"below",on:{pointerenter:()=>e.light(t),pointerleave:()=>e.light(null)}},u("button",{class:"button pick",attrs:{type:"button","aria-label":c("found.accept",{label:n.label??c("objects.noLabel"),score:i.toFixed(2)})},on:{click:()=>e.accept([t])}},u("span",{class:"ellipsis"},n.label??c("objects.noLabel"))),u("span",{class:"scale",attrs:{"aria-hidden":"true"},style:{"--share":String(i)}},u("span")),u("span",{class:"small numbers"},i.toFixed(2)))}};var ic=[["select","pan"],["point","box"],["brush","eraser","lasso"],["text","like","everything","salient"]],fn=class{element;buttons=new Map;constructor(e){let t=u("div",{class:"tools",attrs:{role:"toolbar","aria-label":c("tools.name"),"aria-orientation":"vertical"},on:{keydown:n=>this.key(n)}});ic.forEach((n,o)=>{o>0&&t.append(u("div",{class:"divider",attrs:{role:"separator"}}));for(let i of n){let r=y({icon:i,name:c(`keys.tool.${i}`),action:`tool.${i}`,testid:`tool-${i}`,press:()=>e.run(`tool.${i}`)});this.buttons.set(i,r),t.append(r)}}),this.element=u("section",{class:"rail",attrs:{"aria-label":c("tools.name")}},t),e.tool.watch(n=>this.mark(n))}buttonOf(e){return this.buttons.get(e)}mark(e){for(let[t,n]of this.buttons)j(n,{pressed:t===e}),P(n,"tabindex",t===e?0:-1)}key(e){let t=[...this.buttons.values()],n=t.findIndex(r=>r===document.activeElement),i={ArrowDown:n+1,ArrowUp:n-1,Home:0,End:t.length-1}[e.key];i===void 0||e.altKey||(e.preventDefault(),e.stopPropagation(),t[(i+t.length)%t.length]?.focus())}};var rc=4096;async function Yi(s,e){let{box:t}=e;if(t===null)throw new Error("the mask is empty");let[n,o,i,r]=t,a=ac(Math.max(i-n,r-o),s.source.levels),l=2**a,[d,h]=[Math.ceil((i-n)/l),Math.ceil((r-o)/l)],m=document.createElement("canvas");m.width=d,m.height=h;let p=m.getContext("2d");if(p===null)throw new Error("the browser gives no canvas of this size");await ln(p,s,a,t);let f=p.getImageData(0,0,d,h);for(let g=0;g<h;g++)for(let b=0;b<d;b++)e.has(Math.min(i-1,n+b*l),Math.min(r-1,o+g*l))||(f.data[4*(g*d+b)+3]=0);return p.putImageData(f,0,0),new Promise((g,b)=>m.toBlob(k=>k===null?b(new Error("the browser made no PNG")):g(k),"image/png"))}function ac(s,e){return Math.max(0,Math.min(e-1,Math.ceil(Math.log2(s/rc))))}function Zi(s,e,t){let n=(o,i,r)=>{let a=u("pre",{class:"code",attrs:{tabindex:0,"aria-label":o,"data-testid":r,role:"region"}},i),l=()=>{navigator.clipboard.writeText(i).then(()=>e(o),t)};return u("section",{},u("div",{class:"row"},u("h3",{class:"grow"},o),y({icon:"copy",name:c("code.copy",{what:o}),text:c("copy"),testid:`copy-${r}`,press:l})),a)};G({title:c("code.title"),testid:"code-dialog",wide:!0,body:[n("Python",s.python,"python"),n(c("code.command"),s.command,"command"),u("p",{class:"soft small"},c("code.note"))]})}var Qi=new RegExp(`\\.(${ko.join("|")})$`,"i"),gn=class{constructor(e,t,n,o){this.client=e;this.workspace=t;this.tools=n;this.cards=o}client;workspace;tools;cards;async take(e){let t=e.filter(o=>Qi.test(o.name)),n=e.filter(o=>!Qi.test(o.name));n.length>0&&await this.workspace.jobs.addImages(n),t.length>0&&nn(this.workspace,t)}async suggest(e,t){try{let n=await this.workspace.jobs.suggest(e,t);return this.followSuggesting(n).catch(o=>this.tellNotSuggested(o)),null}catch(n){return L(n)}}async resumeSuggesting(){let e;try{let{jobs:t}=await this.client.json("/v1/jobs");e=t.find(n=>n.kind==="suggest"&&n.state==="running")}catch{return}e&&await this.followSuggesting(e).catch(t=>this.tellNotSuggested(t))}tellNotSuggested(e){this.workspace.notices.toast(c("suggest.broken",{why:L(e)}),{bad:!0,stays:!0})}async followSuggesting(e){let{workspace:t}=this,{notices:n}=t,o=new AbortController,i=new ie(c("suggest.title"),"suggesting",()=>o.abort());this.cards.append(i.element);let r=({progress:d})=>{let h=d?.total??0,m=d?.stage==="tiles"?"suggest.tiles":"suggest.progress";i.set(h>0?c(m,{done:d.done,total:h}):c("suggest.title"),h>0?d.done/h:null)};try{let d=await t.jobs.watch(e,r,o.signal);if(d.state==="failed")throw new Error(d.error??c("job.failed"));await t.loadImages();let h=d.progress?.failed??0;if(d.state==="done"&&h>0){let{failed:m}=await this.client.jobResult(d.id),[p,f]=Object.entries(m)[0]??["",""];n.toast(w("suggest.failed",h,{name:p,why:f}),{bad:!0,stays:!0})}}finally{i.element.remove()}let a=t.images.value.filter(d=>d.state==="suggested").length,l=()=>t.filter.set({search:"",state:"suggested",order:"doubt"});n.toast(w("suggest.done",a),{does:{text:c("suggest.show"),press:l}})}refineObject(){let{workspace:e,tools:t}=this,{notices:n}=e,o=e.chosen(),[i]=o;if(i===void 0||o.length>1||i.locked){n.toast(c(i?.locked===!0?"edit.locked":"edit.chooseFirst"));return}e.choose("point"),t.point.session.refine(i),e.focusStage()}async copyCutOut(){let{workspace:e}=this,{notices:t}=e,n=e.open.value,o=e.chosen();if(n===null||o.length===0){t.toast(c("edit.chooseFirst"));return}let i=o.map(r=>T(r.mask)).reduce((r,a)=>r.union(a));try{let r=Yi({width:n.width,height:n.height,source:e.source(n)},i);await navigator.clipboard.write([new ClipboardItem({"image/png":r})]),t.toast(c("clipboard.copied"))}catch(r){t.toast(c("clipboard.failed",{why:L(r)}),{bad:!0})}}async showCode(){let{workspace:e}=this,{notices:t}=e,n=e.open.value,o=e.chosen();if(n===null)return;let i=(o.length>0?o:e.objects.value).flatMap(r=>r.prompts);if(i.length===0){t.toast(c("code.nothing"));return}try{let r=await this.client.code(n.key,o.length===1?o[0].uid:null,lc(i));Zi(r,a=>t.toast(c("code.copied",{what:a})),()=>t.toast(c("code.notCopied"),{bad:!0}))}catch(r){t.toast(L(r),{bad:!0})}}};function lc(s){return[...new Map(s.map(e=>[JSON.stringify(e),e])).values()]}var bn=class{element;constructor(e,t,n){let o=u("span",{class:"ellipsis grow"}),i=u("span",{class:"numbers soft place",attrs:{"aria-hidden":"true"}}),r=y({name:c("status.actualSize"),text:"100 %",class:"numbers",testid:"zoom",press:()=>t.viewport.zoomTo(1)}),a=r.querySelector("span"),l=(f,g)=>y({name:E(`keys.${f}`),text:g,action:f,press:()=>e.run(f)}),d=y({icon:"preview",name:c("prompt.preview"),testid:"preview",press:()=>n.update(f=>!f)});n.watch(f=>j(d,{pressed:f})),this.element=u("div",{class:"status"},o,i,d,l("view.out","−"),r,l("view.in","+"),y({icon:"fit",name:c("keys.view.fit"),action:"view.fit",testid:"fit",press:()=>e.run("view.fit")}));let h=()=>{let{value:f}=e.preparing.shown,g=m.value?e.whyClosed:null;S(o,g??(f?c("prompt.preparing"):E(`status.${e.tool.value}`)))},m=Pe(e.opening);for(let f of[e.tool,e.preparing.shown,m])f.subscribe(h);h();let p=()=>{let f=e.open.value===null?"100 %":`${Math.round(t.viewport.scale*100)} %`;S(a,f),j(r,{name:`${f}. ${c("status.actualSize")}`})};t.viewport.onChange(p),e.open.watch(p),t.on("hover",({at:[f,g]})=>S(i,`${Math.round(f)}, ${Math.round(g)}`)),t.on("leave",()=>S(i,""))}};var cc={saved:"check",saving:"turning",offline:"offline",conflict:"warning",refused:"warning"},yn=class{constructor(e){this.workspace=e;let t=(m,p)=>y({icon:p,name:E(`keys.${m}`),action:m,testid:m,press:()=>e.run(m)}),n=t("images.previous","previous"),o=t("images.next","next"),i=t("images.nextUndone","nextUndone"),r=t("undo","undo"),a=t("redo","redo"),l=t("view.truth","truth");this.state=y({icon:"new",name:"",text:"",class:"state",testid:"state",attrs:{"aria-haspopup":"menu","aria-expanded":"false","data-tip":c("bar.state")},press:()=>this.chooseState()}),this.state.append(A("fold","small"));let d=y({icon:"check",name:c("bar.done"),text:c("bar.done"),kind:"primary",action:"images.doneNext",attrs:{"data-tip":c("keys.images.doneNext")},testid:"done-next",press:()=>e.run("images.doneNext")});this.model=u("select",{class:"field",attrs:{"aria-label":c("bar.model"),"data-testid":"model"},on:{change:()=>e.chooseModel(this.model.value)}});let h=y({icon:"theme",name:c("bar.settings"),testid:"settings",attrs:{"aria-haspopup":"menu","aria-expanded":"false"},press:()=>this.settings(h)});this.element=u("header",{class:"bar"},u("span",{class:"mark",attrs:{title:"promptseg"}},A("mark")),n,o,i,u("div",{class:"title"},this.name,this.place),this.state,d,u("span",{class:"grow"}),this.saved,r,a,u("span",{class:"divider"}),this.model,l,y({icon:"export",name:c("bar.export"),text:c("bar.export"),kind:"plain",action:"view.export",testid:"export",press:()=>e.run("view.export")}),h,t("view.help","help")),e.open.watch(()=>this.write()),e.images.subscribe(()=>this.write()),e.state.watch(m=>this.writeState(m)),e.save.watch(m=>this.writeSaved(m)),e.models.watch(()=>this.writeModels()),e.model.subscribe(()=>this.writeModels()),e.steps.watch(({undo:m,redo:p})=>{j(r,{disabled:m===null,name:m===null?c("keys.undo"):c("bar.undoOf",{what:m})}),j(a,{disabled:p===null,name:p===null?c("keys.redo"):c("bar.redoOf",{what:p})})}),e.images.watch(m=>{for(let p of[n,o,i])p.hidden=m.length<2}),e.project.watch(m=>l.hidden=m?.truth!==!0),e.truthShown.watch(m=>j(l,{pressed:m})),e.open.watch(m=>{for(let p of[this.state,d])j(p,{disabled:m===null})})}workspace;element;name=u("h1",{class:"ellipsis",attrs:{"data-testid":"image-name"}});place=u("span",{class:"place ellipsis"});saved=u("span",{class:"saved",attrs:{"data-testid":"save-state"}});state;model;write(){let{images:e,key:t,open:n}=this.workspace,o=e.value,i=o.findIndex(l=>l.key===t.value),r=n.value?.name??o[i]?.name??c("bar.noImage");S(this.name,r),this.name.title=r;let a=n.value?`${n.value.width} × ${n.value.height}`:"";S(this.place,[o.length>1&&i>=0?c("bar.place",{at:i+1,of:o.length}):"",a].filter(Boolean).join(" · ")),document.title=n.value?`${r} – promptseg studio`:"promptseg studio"}writeState(e){this.state.dataset.state=e,j(this.state,{icon:e,name:c("bar.stateIs",{state:c(`state.${e}`)})}),S(this.state.querySelector("span"),c(`state.${e}`))}writeSaved(e){this.saved.dataset.state!==e&&(this.saved.dataset.state=e,M(this.saved,A(cc[e],"small"),u("span",{},c(`save.${e}`))),this.saved.dataset.tip=c(`save.${e}More`))}writeModels(){let{models:e,model:t}=this.workspace;this.model.hidden=e.value.length<2,this.model.options.length!==e.value.length&&M(this.model,...e.value.map(n=>u("option",{attrs:{value:n.name}},n.name))),this.model.value=t.value??""}chooseState(){Z(this.state,c("bar.state"),ue.filter(e=>e==="done"||e==="doubt"||e===this.workspace.undoneState()).map(e=>({text:c(`state.${e}`),icon:e,testid:`state-${e}`,checked:e===this.workspace.state.value,choose:()=>this.workspace.setState(e)})))}settings(e){let t=bo();Z(e,c("bar.settings"),[{heading:c("settings.theme")},...go.map(n=>({text:c(`settings.${n}`),checked:n===t,testid:`theme-${n}`,choose:()=>wi(n)})),"line",{heading:c("settings.language")},...Object.entries(so).map(([n,o])=>({text:o,checked:n===Fe(),testid:`language-${n}`,choose:()=>this.workspace.speak(n)})),"line",{text:c("settings.hints"),icon:"help",choose:()=>this.workspace.run("view.hints")}])}};function Xi(s,e){let t=s.flatMap((r,a)=>e.flatMap((l,d)=>{let h=r.iou(l);return h>0?[{index:a,place:d,iou:h}]:[]}));t.sort((r,a)=>a.iou-r.iou);let n=s.map(()=>({object:null,iou:0})),o=new Set;for(let{index:r,place:a,iou:l}of t)n[r].object!==null||o.has(a)||(n[r]={object:a,iou:l},o.add(a));let i=n.length===0?null:n.reduce((r,a)=>r+a.iou,0)/n.length;return{pairs:n,mean:i,extra:e.flatMap((r,a)=>o.has(a)?[]:[a])}}function er(s,e){return s.length===0?null:Math.max(...s.map(t=>t.iou(e)))}function tr(s,e,t){let n=s.reduce((i,r)=>i.union(r),t),o=e.reduce((i,r)=>i.union(r),t);return{missed:n.subtract(o),extra:o.subtract(n)}}var dc="#d55e00",uc="#56b4e9",Oo=6,vn=class{constructor(e){this.workspace=e;let t=(o,i)=>u("span",{class:"legend small"},u("i",{class:o}),i),n=u("div",{class:"row"},t("missed",c("truth.missed")),t("extra",c("truth.extra")));this.element=u("section",{class:"truth-card stack",attrs:{"aria-label":c("truth.name"),"data-testid":"truth"}},u("div",{class:"row"},u("span",{class:"grow"},c("truth.image")),this.mean),this.rows,u("div",{class:"row small soft"},u("span",{class:"grow"},c("truth.draft")),this.draft),n),e.truthShown.watch(o=>n.hidden=!o),e.truth.watch(()=>this.write()),e.objects.subscribe(()=>this.write())}workspace;element;mean=u("strong",{class:"numbers",attrs:{"data-testid":"mean-iou"}});draft=u("span",{class:"numbers",attrs:{"data-testid":"draft-iou"}},"–");rows=u("ul",{class:"small numbers"});setDraft(e){if(this.element.hidden)return;let t=e===null?null:er(this.workspace.truth.value,e);S(this.draft,t===null?"–":t.toFixed(3))}overlay(){let{truth:e,truthShown:t,open:n}=this.workspace;if(e.value.length===0||!t.value||n.value===null)return[];let{missed:o,extra:i}=tr(e.value,this.masks(),N.empty(n.value.width,n.value.height));return[{uid:"truth-missed",bitmap:o,color:dc},{uid:"truth-extra",bitmap:i,color:uc}]}masks(){return this.workspace.objects.value.filter(e=>!e.hidden).map(e=>T(e.mask))}write(){let{truth:e,objects:t,open:n}=this.workspace;if(this.element.hidden=e.value.length===0,this.element.hidden)return;let o=t.value.filter(l=>!l.hidden),{pairs:i,mean:r}=Xi(e.value,this.masks());S(this.mean,r===null?"–":r.toFixed(3));let a=i.map((l,d)=>({...l,label:n.value?.truth[d]?.label??c("objects.noLabel")}));M(this.rows,...a.slice(0,Oo).map(({object:l,iou:d,label:h})=>{let m=l===null?"–":String(this.workspace.numberOf(o[l].uid));return u("li",{class:"row"},u("span",{class:"soft"},m),u("span",{class:"grow ellipsis"},h),d.toFixed(3))}),a.length>Oo&&u("li",{class:"soft"},c("truth.more",{count:a.length-Oo})))}};var wn=class{constructor(e){this.workspace=e;e.failed.watch(t=>{let n=t!==null&&t.why===this.shown?.why&&t.summary.key===this.shown.summary.key;if(this.shown=t,n)return;let o=this.element.contains(document.activeElement);this.element.hidden=t===null,M(this.element,...t===null?[]:this.told(t)),o&&(this.element.querySelector(".primary")??{focus:e.focusStage}).focus()})}workspace;element=u("div",{class:"welcome empty",attrs:{role:"alert","data-testid":"unreadable"}});shown=null;told({summary:e,why:t}){let{workspace:n}=this,o=t===null,i=o?c("image.offline"):c("image.unreadable",{name:e.name}),r=o?[c("image.opensLater",{name:e.name})]:[t,c("image.unreadableFile")],a=y({name:c("retry"),text:c("retry"),kind:"primary",testid:"open-again",press:()=>{n.reopen()}}),l=y({name:c("keys.images.next"),text:c("keys.images.next"),kind:"plain",action:"images.next",testid:"skip-unreadable",press:()=>n.run("images.next")}),d=n.project.value?.kind!=="video"&&n.images.value.length>1;return[A(o?"offline":"warning"),u("h2",{},i),...r.map(h=>u("p",{},h)),u("div",{class:"row"},a,d&&l)]}};function nr(s){let e=u("button",{class:"button primary",attrs:{type:"button","data-testid":"choose-images"},on:{click:()=>s.run("images.add")}},c("welcome.choose")),t=u("div",{class:"welcome empty",attrs:{"data-testid":"welcome"}},A("import"),u("p",{},c("welcome.drop")),e),{images:n,open:o,key:i}=s,r=()=>{t.hidden=o.value!==null||n.value.length>0||i.value!==null};return t.hidden=!0,n.subscribe(r),o.subscribe(r),t}var Ie=class{last=0;lastNew=0;next(e){return this.last++,e&&(this.lastNew=this.last),this.last}isLatest(e){return e>this.lastNew}};var hc=20,kn=class{constructor(e){this.turns=e}turns;changed=new v({});steps={undo:[],redo:[]};going=Promise.resolve();done(e){this.steps.undo=[...this.steps.undo,{undoable:e,turn:this.turns.next(!0)}].slice(-hc),this.steps.redo=[],this.changed.set({})}next(e,t){let n=this.steps[e].at(-1);return n!==void 0&&n.turn>t&&(e==="undo"||this.turns.isLatest(n.turn))?n.undoable:null}go(e,t){let n=this.steps[e].find(i=>i.undoable===t);if(n===void 0)return this.going;this.steps[e]=this.steps[e].filter(i=>i!==n),this.changed.set({});let o=this.going.then(t[e]).then(()=>this.put(e==="undo"?"redo":"undo",{undoable:t,turn:this.turns.next(!1)}),i=>{throw(!(i instanceof R)||i.isPassing)&&this.put(e,n),i});return this.going=o.catch(()=>{}),o}put(e,t){this.steps[e].push(t),this.changed.set({})}};var xn=class{document;byUid;emitter=new K;constructor(e){this.document=e,this.byUid=or(e)}get value(){return this.document}get objects(){return this.document.objects}get state(){return this.document.state}get(e){return this.byUid.get(e)}apply(e){return this.become(V(this.document,e),"page")}replace(e){this.become(e,"server")}onChange(e){return this.emitter.on("change",e)}become(e,t){let n=this.document,o=ro(n,e);return this.document=e,U(o)?St:(this.byUid=or(e),this.emitter.emit("change",{change:o,origin:t}),ro(e,n))}};function or(s){return new Map(s.objects.map(e=>[e.uid,e]))}var mc=500,Sn=class{constructor(e,t=new Ie,n=mc){this.document=e;this.turns=t;this.most=n}document;turns;most;past=[];future=[];current=new v({undo:null,redo:null});get steps(){return this.current}turnOf(e){return(e==="undo"?this.past:this.future).at(-1)?.turn??0}do(e,t){let n=this.begun(e),o=this.document.apply(n);U(o)||(this.past=[...this.past,{name:t,redo:n,undo:o,turn:this.turns.next(!0)}].slice(-this.most),this.future=[],this.tell())}undo(){let e=this.past.pop();return e===void 0?null:(this.future.push(e),this.go(e,e.redo,e.undo))}redo(){let e=this.future.pop();return e===void 0?null:(this.past.push(e),this.go(e,e.undo,e.redo))}go(e,t,n){e.turn=this.turns.next(!1);let o=we(t).filter(r=>!this.isAsLeft(r,t)),i=ke(n,new Set(o));return(o.length>0||t.state!==void 0&&t.state!==this.document.state)&&delete i.state,this.document.apply(this.begun(i)),this.tell(),{name:e.name,skipped:o}}isAsLeft(e,t){return ao(this.document.get(e),t.put.find(n=>n.uid===e))}begun(e){if(e.state!==void 0||we(e).length===0)return e;let{state:t,objects:n}=V(this.document.value,e);return(t==="new"||t==="suggested")&&n.length>0?{...e,state:"started"}:t==="started"&&n.length===0?{...e,state:"new"}:e}tell(){this.current.set({undo:this.past.at(-1)?.name??null,redo:this.future.at(-1)?.name??null})}};var pc=200,fc=5e3,ir=["1","2","3","4","5","6","7","8","9"],ee=class extends Error{constructor(t,n){super(`${JSON.stringify(n)} cannot be used for a label: ${t}`);this.problem=t;this.value=n}problem;value;name="LabelError"};function rr(s,e){let t=dr(e,s);if(s.length>=fc)throw new ee("many",t);let n=[...s.map(o=>o.name),t];return[...s,{name:t,color:gc(t,n,s),key:bc(s)}]}function Ao(s,e){return s.filter(t=>t.name!==e)}function ar(s,e,t){let n=dr(t,Ao(s,e));return s.map(o=>o.name===e?{...o,name:n}:o)}function Po(s,e,t){if(!ii(t))throw new ee("color",t);return s.map(n=>n.name===e?{...n,color:t.toLowerCase()}:n)}function lr(s,e,t){if(t!==null&&!ir.includes(t))throw new ee("key",t);return s.map(n=>n.name===e?{...n,key:t}:t!==null&&n.key===t?{...n,key:null}:n)}function cr(s,e,t){let[n,o]=[sr(e),sr(t)],i=new Set(t.filter(l=>JSON.stringify(n.get(l.name))!==JSON.stringify(l))),r=new Set([...i].map(l=>l.key)),a=s.filter(({name:l})=>o.has(l)||!n.has(l)).map(l=>{let d=o.get(l.name);return d!==void 0&&i.has(d)&&n.has(l.name)?d:l.key!==null&&r.has(l.key)?{...l,key:null}:l});return t.forEach((l,d)=>{!n.has(l.name)&&!a.some(({name:h})=>h===l.name)&&a.splice(d,0,l)}),a}function sr(s){return new Map(s.map(e=>[e.name,e]))}function Io(s,e){return s.find(t=>t.key===e)??null}function dr(s,e){let t=s.trim().normalize("NFC");if(t==="")throw new ee("empty",s);if(t.length>pc)throw new ee("long",t.slice(0,20)+"…");if(e.some(n=>n.name===t))throw new ee("taken",t);return t}function gc(s,e,t){let n=new Set(t.map(r=>r.color.toLowerCase())),o=Ke(s,e),i=Array.from({length:je},(r,a)=>de(e.length-1+a));return[o,...i].find(r=>!n.has(r))??o}function bc(s){return ir.find(e=>Io(s,e)===null)??null}function he(s,e=[]){return s.length+e.length===0?null:{put:s,remove:e}}function Le(s){return s.filter(e=>!e.locked)}function ur(s){let e=Le(s),t=e.at(-1);if(t===void 0||e.length<2)return null;let n=e.map(l=>T(l.mask)).reduce((l,d)=>l.union(d)),o=hr(e),i=e.flatMap(l=>l.prompts),r=Object.assign({},...e.map(l=>l.attributes)),a={...t,label:o,prompts:i,attributes:r,mask:ge(n),score:null,source:"hand"};return he([a],e.slice(0,-1).map(l=>l.uid))}function hr(s){let e=s.filter(n=>n.label!==null),[t]=e.sort((n,o)=>T(o.mask).area-T(n.mask).area);return t?.label??null}function mr(s){let e=Le(s);return new Set(e.flatMap(({label:n})=>n??[])).size>1?hr(e):null}function pr(s,e=Et){let t=Le(s).flatMap(n=>{let o=T(n.mask).components().sort((i,r)=>r.area-i.area);return o.length<2?[]:o.map((i,r)=>({...n,uid:r===0?n.uid:e(),mask:ge(i),source:"hand"}))});return he(t)}function Lo(s,e){let t=[],n=[];for(let o of Le(s)){let i=e(T(o.mask)),r=ge(i);i.area===0?n.push(o.uid):r.counts!==o.mask.counts&&t.push({...o,mask:r,source:"hand"})}return he(t,n)}function fr(s){return Lo(s,e=>e.filled())}function gr(s,e){if(e.length===0)return null;let t=e.map(o=>T(o.mask)).reduce((o,i)=>o.union(i)),n=new Set(e.map(o=>o.uid));return Lo(s.filter(o=>!n.has(o.uid)),o=>o.subtract(t))}function br(s){return Lo(s,e=>e.smoothed(Math.max(1,Math.min(12,Math.round(Math.sqrt(e.area)/40)))))}function yr(s){return he([],Le(s).map(e=>e.uid))}function me(s,e){let t=n=>JSON.stringify({...n,...e})!==JSON.stringify(n);return he(Le(s).filter(t).map(n=>({...n,...e})))}function Co(s,e){let t=s[0];return t===void 0?null:he(s.filter(n=>n[e]===t[e]).map(n=>({...n,[e]:!t[e]})))}function Ro(s,e,t){let n=s.map(a=>a.uid),o=n.filter(a=>e.has(a)),i=n.filter(a=>!e.has(a)),r=[...i.slice(0,t),...o,...i.slice(t)];return r.every((a,l)=>a===n[l])?null:{put:[],remove:[],order:r}}function Bo(s,e,t){let n=s.flatMap((a,l)=>e.has(a.uid)?[l]:[]),o=n[0],i=n.at(-1);if(o===void 0||i===void 0)return null;let r=t===1?s.slice(0,i+2):s.slice(0,Math.max(0,o-1));return Ro(s,e,r.filter(a=>!e.has(a.uid)).length)}function vr(s,e,t=Et){let n=s.filter(o=>o.mask.size[0]===e[0]&&o.mask.size[1]===e[1]);return he(n.map(o=>({...o,uid:t(),prompts:[],score:null,source:"hand",locked:!1,hidden:!1})))}var Mn=class{constructor(e){this.workspace=e}workspace;give(e){if(this.makeCurrent(e),this.workspace.chosen().length>0){let t=me(this.workspace.chosen(),{label:e});t&&this.workspace.do(t,c("edit.label"),c("labels.given",{name:e??c("objects.noLabel")}))}else this.workspace.notices.announce(c("labels.current",{name:e??c("objects.noLabel")}))}makeCurrent(e){this.workspace.label.set(e),z("label",e)}giveOfKey(e){let t=Io(this.workspace.labels.value,e);return t!==null&&this.give(t.name),t!==null}nextColor(){return de(this.workspace.labels.value.length)}add(e,t=null){let n=e.normalize("NFC"),o=this.change(i=>{let r=rr(i,n);return t===null?r:Po(r,n,t)});return o&&this.makeCurrent(n),o}edit(e,t,n){let{labels:o,label:i,objects:r}=this.workspace,a=o.value;if(!a.some(m=>m.name===e))return this.add(t,n);let l=t.normalize("NFC");if(!this.change(m=>Po(e===l?m:ar(m,e,l),l,n)))return!1;e!==l&&i.value===e&&this.makeCurrent(l);let d=e===l?[]:r.value.filter(m=>m.label===e),h=d.length>0&&this.workspace.do(me(d,{label:l}),c("edit.label"));return this.keepUndoable(a,h?this.workspace.history.value:null),!0}remove(e){let t=this.workspace.labels.value;this.change(n=>Ao(n,e))&&(this.workspace.label.value===e&&this.workspace.label.set(null),this.keepUndoable(t))}setKey(e,t){let n=this.workspace.labels.value;this.change(o=>lr(o,e,t))&&this.keepUndoable(n)}keepUndoable(e,t=null){let n=this.workspace.labels.value,o=t?.turnOf("undo")??0,i=async(r,a,l)=>{await this.follow(a,l),t?.turnOf(r)===o&&(t[r](),o=t.turnOf(r==="undo"?"redo":"undo"))};this.workspace.undoables.done({name:c("labels.name"),undo:()=>i("undo",n,e),redo:()=>i("redo",e,n)})}async follow(e,t){let{labels:n,label:o,server:i}=this.workspace,r=n.value,a=r.findIndex(d=>d.name===o.value),l=cr(r,e,t);n.set(l);try{await i.saveLabels(l)}catch(d){throw n.value===l&&n.set(r),d}l.some(d=>d.name===o.value)||this.makeCurrent(l[a]?.name??null)}change(e){let t=this.workspace.labels.value;try{let o=e(t);if(JSON.stringify(o)===JSON.stringify(t))return!1;this.workspace.labels.set(o)}catch(o){if(!(o instanceof ee))throw o;return this.workspace.notices.toast(E(`labels.problem.${o.problem}`,{name:o.value}),{bad:!0}),!1}let n=this.workspace.labels.value;return this.workspace.server.saveLabels(n).catch(o=>{this.workspace.labels.value===n&&this.workspace.labels.set(t),this.workspace.notices.toast(c("labels.notKept",{why:L(o)}),{bad:!0})}),!0}};var Tn=class{constructor(e){this.workspace=e}workspace;run(e){let t=this.workspace.objects.value,n=this.workspace.chosen(),o={merge:()=>ur(n),split:()=>pr(n),fill:()=>fr(n),cut:()=>gr(t,n),smooth:()=>br(n),delete:()=>yr(n),up:()=>Bo(t,this.workspace.selection.value,1),down:()=>Bo(t,this.workspace.selection.value,-1)};if(n.length>0&&n.every(d=>d.locked)&&e!=="up"&&e!=="down"){this.workspace.notices.toast(c("edit.locked"));return}let i=t.length;if(!this.workspace.do(o[e](),E(`edit.${e}`)))return;let r=this.workspace.objects.value.length;r!==i&&this.workspace.notices.announce(`${E(`edit.${e}`)}, ${w("objects.count",r)}`);let a={does:{text:c("keys.undo"),press:()=>this.workspace.run("undo")}};e==="delete"&&n.length>1&&this.workspace.notices.toast(w("objects.deleted",n.length),a);let l=e==="merge"?mr(n):null;l!==null&&this.workspace.notices.toast(c("edit.mergedLabel",{name:l}),a)}toggle(e,t){let n=this.workspace.objects.value.filter(o=>e.has(o.uid));this.workspace.do(Co(n,t),c(t==="hidden"?"edit.hide":"edit.lock"))}forgetLocks(){if(!this.workspace.chosen().some(e=>e.locked))for(let e of[c("tools.locked"),c("edit.locked")])this.workspace.notices.withdraw(e)}showAll(){let e=this.workspace.objects.value.filter(t=>t.hidden);this.workspace.do(Co(e,"hidden"),c("objects.showAll"))}rename(e){let t=e?.normalize("NFC")??null;if(t!==null){if(!this.workspace.labels.value.some(o=>o.name===t)&&!this.workspace.labelBook.add(t))return;this.workspace.labelBook.makeCurrent(t)}let n=me(this.workspace.chosen(),{label:t});n&&this.workspace.do(n,c("edit.label"))}recolor(e){this.workspace.do(me(this.workspace.chosen(),{color:e}),c("edit.color"))}describe(e){let t=me(this.workspace.chosen(),{attributes:e});t&&this.workspace.do(t,c("edit.attributes"))}moveTo(e,t){this.workspace.do(Ro(this.workspace.objects.value,e,t),c("edit.order"))}selectAll(){this.workspace.selection.set(new Set(this.workspace.objects.value.map(e=>e.uid))),this.workspace.notices.announce(w("objects.chosen",this.workspace.selection.value.size))}selectNext(e){let t=[...this.workspace.objects.value].reverse(),n=[...this.workspace.selection.value].at(-1),o=t.findIndex(r=>r.uid===n),i=t[(o+e+t.length)%t.length]??t[0];i&&(this.workspace.selection.set(new Set([i.uid])),this.workspace.notices.announce(`${this.workspace.numberOf(i.uid)}, ${i.label??c("objects.noLabel")}`))}async copyFromBefore(){let e=this.workspace.open.value,t=Xt(this.workspace.images.value,this.workspace.key.value,-1);if(e===null||t===null){this.workspace.notices.toast(c("edit.noBefore"));return}try{let n=await this.workspace.server.open(t.key);if(this.workspace.open.value!==e)return;let o=vr(n.document.objects,[e.height,e.width]);o===null?this.workspace.notices.toast(c(n.document.objects.length===0?"edit.beforeEmpty":"edit.otherSize",{name:t.name})):this.workspace.do(o,c("edit.fromBefore"))&&(this.workspace.selection.set(new Set(o.put.map(i=>i.uid))),this.workspace.notices.toast(w("edit.copied",o.put.length,{name:t.name})))}catch(n){this.workspace.notices.toast(L(n),{bad:!0})}}goBack(e){if(this.workspace.refuses())return;let t=this.workspace.nextUndoable(e);if(t!==null){this.goBackOf(e,t);return}let n=this.workspace.history.value?.[e]()??null;if(n===null){this.workspace.notices.announce(c(e==="undo"?"edit.nothingToUndo":"edit.nothingToRedo"));return}this.tellGone(e,n.name),n.skipped.length>0&&this.workspace.notices.toast(w("edit.skipped",n.skipped.length))}async goBackOf(e,t){try{await this.workspace.undoables.go(e,t),this.tellGone(e,t.name)}catch(n){this.workspace.notices.toast(L(n),{bad:!0})}}tellGone(e,t){this.workspace.notices.announce(c(e==="undo"?"edit.undone":"edit.redone",{what:t}))}};var jn=class{constructor(e,t){this.load=e;this.warm=t}load;warm;kept=new Map;get(e){let t=this.kept.get(e.key);return this.kept.delete(e.key),t?.version===e.version?t.opening.catch(()=>this.load(e.key)):this.load(e.key)}ahead(e){if(this.kept.get(e.key)?.version===e.version)return;let t=this.load(e.key);t.then(n=>this.warm(n),()=>this.kept.delete(e.key)),this.kept.set(e.key,{version:e.version,opening:t});for(let n of this.kept.keys()){if(this.kept.size<=4)break;this.kept.delete(n)}}};var yc=100,En=class{shown;#e=new v(!1);#t=new Set;#n=0;#o;constructor(){this.shown=Pe(this.#e)}isNew(e){return!this.#t.has(e)}async during(e,t){if(!this.isNew(e))return t;this.#s(1);try{let n=await t;return this.#t.add(e),n}finally{this.#s(-1)}}#s(e){this.#n+=e,clearTimeout(this.#o),this.#n>0?this.#e.set(!0):this.#o=setTimeout(()=>this.#e.set(!1),yc)}};var vc={undo:null,redo:null},kr=2,wc=20,kc=40,On=class{constructor(e,t,n,o,i){this.server=e;this.saver=t;this.notices=n;this.run=o;this.focusStage=i;this.opened=new jn(r=>e.open(r),r=>this.warm(r)),this.undoables.changed.subscribe(()=>this.tellSteps()),t.status.watch(({state:r})=>this.save.set(r)),t.onDocument(({key:r,document:a})=>r===this.open.value?.key&&this.document.value?.replace(a))}server;saver;notices;run;focusStage;project=new v(null);images=new v([]);filter=new v(bi);key=new v(null);opening=new v(!1);open=new v(null);failed=new v(null);document=new v(null);history=new v(null);objects=new v([]);state=new v("new");steps=new v(vc);selection=new v(new Set);pointed=new v(null);labels=new v([]);label=new v(null);tool=new v("point");models=new v([]);model=new v(null);detector=new v(null);save=new v("saved");truth=new v([]);truthShown=new v(C("truth",!1));edits=new Tn(this);labelBook=new Mn(this);jobs=new tn(this);preparing=new En;turns=new Ie;undoables=new kn(this.turns);opened;works=new Map;settle=()=>Promise.resolve(!1);closed=()=>null;late=new Map;numbers=new Map;turn=0;async loadImages(){this.images.set(await this.server.images())}summary(e){return this.images.value.find(t=>t.key===e)??null}told(e){this.saver.told(e.key,e.version),this.late.size===0&&setTimeout(()=>this.takeTold(),kc),this.late.set(e.key,e)}takeTold(){let{late:e}=this;e.size!==0&&(this.late=new Map,this.images.update(t=>[...t.map(o=>{let i=e.get(o.key);return e.delete(o.key),i!==void 0&&i.version>=o.version?i:o}),...e.values()]))}get shownImages(){return Qt(this.images.value,this.filter.value)}thumbnail(e){return this.server.thumbnail(e)}async openKey(e,t=this.summary(e)){let n=e===this.key.value&&(this.opening.value||this.open.value!==null);if(t===null||n)return;let o=++this.turn;this.key.set(e),e!==this.failed.value?.summary.key&&this.failed.set(null);let i=Promise.all([this.opened.get(t),this.keepDraft()]);this.opening.set(!0);try{let[r]=await i;o===this.turn&&this.show(r)}catch(r){if(o!==this.turn)return;this.close(),this.failed.set({summary:t,why:r instanceof R?r.message:null})}o===this.turn&&this.opening.set(!1)}get whyClosed(){let e=()=>c("image.opening",{name:this.summary(this.key.value)?.name??""});return this.closed()??(this.opening.value?e():null)}refuses(){let{whyClosed:e}=this;return e===null?!1:(this.notices.withdraw(e),this.notices.toast(e),!0)}async keepDraft(){let{value:e}=this.document,{value:t}=this.open,n=new Map(e?.objects.map(l=>[l.uid,l])),o=this.historyNow,i=await this.settle(),r=e?.objects.filter(l=>n.get(l.uid)!==l)??[];if(!i||r.length===0||t===null)return;let a={put:r.flatMap(({uid:l})=>n.get(l)??[]),remove:r.map(({uid:l})=>l).filter(l=>!n.has(l))};this.notices.toast(c("image.draftKept",{name:t.name}),{does:{text:c("keys.undo"),press:()=>{o.do(a,c("keys.undo"))}}})}async reopen(){let{value:e}=this.failed;e!==null&&await this.openKey(e.summary.key,e.summary)}show(e){let{document:t,history:n}=this.workOn(e);this.selection.set(new Set),this.pointed.set(null),this.document.set(t),this.history.set(n),this.truth.set([]),this.failed.set(null),this.open.set(e),this.follow(t),this.truth.set(e.truth.map(({mask:i})=>T(i))),this.tellSteps(),z("image",e.key);let o=this.images.value.findIndex(i=>i.key===e.key);this.notices.withdraw(c("image.opening",{name:e.name})),this.notices.announce(c("image.opened",{name:e.name,at:o+1,of:this.images.value.length,objects:w("objects.count",t.objects.length)})),setTimeout(()=>this.openAhead(e.key),60)}workOn({key:e,width:t,height:n,document:o}){let i=this.saver.open(e,o),r=this.works.get(e);this.works.delete(e);let a=r?.width===t&&r.height===n;a&&r.document.replace(i);let l=a?r:this.begin(e,t,n,new xn(i));this.works.set(e,l);for(let d of[...this.works.keys()].slice(0,-wc))this.works.delete(d);return l}begin(e,t,n,o){let i=new Sn(o,this.turns);return o.onChange(({change:r,origin:a})=>{a==="page"&&this.saver.save(e,r),this.document.value===o&&this.follow(o)}),i.steps.subscribe(()=>this.tellSteps()),{width:t,height:n,document:o,history:i}}tellSteps(){let e=this.history.value,t=n=>this.nextUndoable(n)?.name??e?.steps.value[n]??null;this.steps.set({undo:t("undo"),redo:t("redo")})}nextUndoable(e){return this.undoables.next(e,this.history.value?.turnOf(e)??0)}close(){this.open.set(null),this.document.set(null),this.history.set(null),this.objects.set([]),this.tellSteps(),this.selection.set(new Set),this.truth.set([])}follow(e){this.numbers=new Map(e.objects.map((n,o)=>[n.uid,o+1]));let t=[...this.selection.value].filter(n=>e.get(n)!==void 0);t.length!==this.selection.value.size&&this.selection.set(new Set(t)),this.objects.set(e.objects),this.state.set(e.state)}openAhead(e){if(this.key.value!==e)return;let t=this.shownImages,n=t.findIndex(r=>r.key===e),o=[fo(t,e),...t.slice(n+1,n+1+kr)].filter(r=>r!==null&&r.error===null),i=[...new Set(o.map(r=>r.key))].slice(0,kr);for(let r of i)this.opened.ahead(this.summary(r)),this.server.ahead(r).catch(()=>{})}warm(e){let t=this.levelThatFits(e),n=e.tiles.size*2**t;for(let o=0;o*n<e.height;o++)for(let i=0;i*n<e.width;i++)fetch(this.server.tile(e,t,i,o)).catch(()=>{})}levelThatFits(e){let t=globalThis.devicePixelRatio||1,n=Math.min((innerWidth-360)/e.width,(innerHeight-210)/e.height)*t;return Math.min(e.tiles.levels-1,Math.max(0,Math.floor(Math.log2(1/n))))}source(e){return bs(e.tiles,({level:t,column:n,row:o})=>this.server.tile(e,t,n,o))}async pictureOf(e){let{value:t}=this.open,n=t?.key===e?t:await this.server.open(e).catch(()=>null);return n===null?null:{width:n.width,height:n.height,source:this.source(n)}}step(e){let t=Xt(this.shownImages,this.key.value,e);t?this.openKey(t.key):this.notices.announce(c(e===1?"image.last":"image.first"))}nextUndone(){let e=fo(this.shownImages,this.key.value);e?this.openKey(e.key):this.notices.toast(c("image.allDone"))}undoneState(){let e=this.objects.value;return e.length===0?"new":e.every(t=>t.source==="suggestion")?"suggested":"started"}setState(e){e!==this.state.value&&this.do({put:[],remove:[],state:e},c("edit.state"),c("image.stateIs",{state:E(`state.${e}`)}))}toggleState(e){this.setState(this.state.value===e?this.undoneState():e)}chosen(){return this.objects.value.filter(e=>this.selection.value.has(e.uid))}numberOf(e){return this.numbers.get(e)??0}colorOf(e){return Vt(e,this.labels.value)}get historyNow(){let e=this.history.value;return{do:(t,n)=>(e?.do(t,n),e===this.history.value)}}do(e,t,n=t){return this.refuses()?!1:e===null||this.history.value===null?(this.notices.announce(c("edit.nothing")),!1):(this.history.value.do(e,t),this.notices.announce(n),!0)}choose(e){this.tool.set(e)}chooseModel(e){this.model.set(e),z("model",e)}toggleTruth(){this.truthShown.update(e=>!e),z("truth",this.truthShown.value)}speak(e){zs(e),location.reload()}};var An=class{#e;#t;#n;#o=new Map;#s=new Map;#i=[];#r=0;constructor(e,t,n=268435456){this.#e=e,this.#t=t,this.#n=n}get bytes(){return this.#r}get(e){let t=this.#o.get(e);return t!==void 0&&(this.#o.delete(e),this.#o.set(e,t)),t}ahead(e,t){let n=0;for(;n<t&&this.#o.has(e+n);)n++;return n}want(e){this.#i=[...e],this.#l()}clear(){for(let e of this.#s.values())e.abort();for(let e of this.#o.values())e.close();this.#s.clear(),this.#o.clear(),this.#r=0}#l(){for(let e of this.#i){if(this.#s.size>=4)return;if(this.#o.has(e)||this.#s.has(e))continue;let t=new AbortController;this.#s.set(e,t),this.#a(e,t)}}async#a(e,t){try{let n=await this.#e(e,t.signal);if(t.signal.aborted){n.close();return}this.#s.delete(e),this.#c(e,n),this.#t(e)}catch{if(t.signal.aborted)return;this.#s.delete(e),this.#i=this.#i.filter(n=>n!==e)}this.#l()}#c(e,t){this.#o.set(e,t),this.#r+=xr(t);let n=new Set(this.#i);for(let[o,i]of this.#o){if(this.#r<=this.#n)return;n.has(o)||(this.#o.delete(o),this.#r-=xr(i),i.close())}}};function xr(s){return s.width*s.height*4}function Pn(s,e){let[t,n]=[0,s.length];for(;t<n;){let o=t+n>>1;s[o][0]<=e?t=o+1:n=o}return t-1}function Do(s,e){let t=s[Pn(s,e)];return t!==void 0&&e<t[1]?t[2]:null}function Sc(s,e,t){if(Do(s,e)===t)return s;let n=Pn(s,e),o=n>=0&&e<s[n][1],i=s.slice(0,o?n:n+1),r=s.slice(n+1),a=[];if(o){let[h,m,p]=s[n];h<e&&a.push([h,e,p]),t!==null&&a.push([e,e+1,t]),e+1<m&&a.push([e+1,m,p])}else t!==null&&a.push([e,e+1,t]);let l=i.pop(),d=r.shift();return[...i,...Mc([...l?[l]:[],...a,...d?[d]:[]]),...r]}function Mc(s){let e=[];for(let[t,n,o]of s){let i=e.at(-1);i?.[1]===t&&i[2]===o?i[1]=n:e.push([t,n,o])}return e}function Sr(s,e,t){let n=s.findIndex(r=>r>=e),o=n<0?s.length:n;return s[o]===e===t?s:t?[...s.slice(0,o),e,...s.slice(o)]:[...s.slice(0,o),...s.slice(o+1)]}function Mr(s,e,t){let n=Sc(s.runs,e,t===null?null:Tc[t]),o=Sr(s.keys,e,t==="key"),i=Sr(s.gone,e,t==="gone");return{...s,runs:n,keys:o,gone:i}}var Tc={seen:1,key:1,lost:2,gone:4};function No({uid:s,runs:e}){let t=[],n=null;for(let[o,,i]of e)i===1&&n!==1?t.push({frame:o,uid:s,kind:n===null?"added":"found"}):i!==1&&n===1&&t.push({frame:o,uid:s,kind:"lost"}),n=i;return t}function jc(s){return s.flatMap(t=>[...No(t),...t.keys.map(n=>({frame:n,uid:t.uid,kind:"key"}))]).sort((t,n)=>t.frame-n.frame)}function Tr(s,e,t){let n=jc(s);return(t?n.filter(o=>o.frame<e).at(-1):n.find(o=>o.frame>e))??null}var Ce="/v1/studio/video",pe=64,Ec=1500,Oc=150;function Ln(s){return s.toString(16).padStart(16,"0")}function jr(s){return parseInt(s,16)}var In=class s{state;tracking;known=new v(null);#e;#t=new Map;#n=new Set;#o;#s=0;constructor(e,t){this.#e=e,this.state=new v(t),this.tracking=new v(null),t.tracking!==null&&this.#i(t.tracking)}static async load(e){return new s(e,await e.json(Ce))}get frames(){return this.state.value.frames??Math.max(1,...this.state.value.objects.map(({runs:e})=>e.at(-1)?.[1]??1))}get fps(){return this.state.value.fps??25}async picture(e,t,n){let o={width:String(t),v:this.state.value.content},i=await this.#e.call(`${Ce}/frames/${e}`,{query:o,signal:n});return createImageBitmap(await i.blob())}masks(e){let t=this.#t.get(e);return t===void 0?(this.#l(e-e%pe),null):(this.#t.delete(e),this.#t.set(e,t),this.#t.has(e+pe/2)||this.#l(e+pe/2-(e+pe/2)%pe),t)}hear(e){if(e.type==="video"){this.reload();return}let{frame:t,objects:n,version:o}=e;this.#a(t,n);let i=new Map(n.map(r=>[r.uid,r.kind]));this.state.update(r=>({...r,objects:r.objects.map(a=>Mr(a,t,i.get(a.uid)??null))})),this.known.set({frame:t,version:o})}reload(){clearTimeout(this.#o),this.#o=setTimeout(()=>{this.#r()},Oc)}async change(e){await this.#e.json(`${Ce}/changes`,{method:"POST",json:{version:this.state.value.version,...e}}),await this.#r()}async track(e,t,n){let o={frame:e,direction:t,...n&&{objects:n}};return this.#i(await this.#e.json(`${Ce}/track`,{method:"POST",json:o}))}async stop(){this.tracking.value!==null&&await this.#e.cancelJob(this.tracking.value.id)}async#i(e){this.tracking.set(e);try{return await this.#e.watchJob(e.id,t=>this.tracking.set(t))}finally{this.tracking.set(null),this.reload()}}async#r(){clearTimeout(this.#o);let e=++this.#s,t=await this.#e.json(Ce).catch(()=>null);t===null||e!==this.#s||(this.#t.clear(),this.#n.clear(),this.state.set(t),this.known.set({frame:-1,version:t.version}))}async#l(e){if(e<0||e>=this.frames||this.#n.has(e))return;this.#n.add(e);let t=this.#s,n={start:String(e),stop:String(e+pe)},o=await this.#e.json(`${Ce}/masks`,{query:n}).catch(()=>null);if(this.#n.delete(e),o===null||t!==this.#s)return;let i=new Map(o.frames.map(({frame:r,objects:a})=>[r,a]));for(let r=e;r<e+pe;r++)this.#a(r,i.get(r)??[]);this.known.set({frame:-1,version:o.version})}#a(e,t){this.#t.delete(e),this.#t.set(e,t);for(let n of this.#t.keys()){if(this.#t.size<=Ec)return;this.#t.delete(n)}}};var Ge=class s{frames;width;perFrame;start;constructor(e,t,n=0,o=0){this.frames=Math.max(1,e),this.width=Math.max(1,t);let i=this.width/this.frames;this.perFrame=Math.min(Math.max(n,i),Math.max(i,Ac)),this.start=Math.min(Math.max(0,o),Math.max(0,this.frames-this.width/this.perFrame))}get stop(){return this.start+this.width/this.perFrame}x(e){return(e-this.start)*this.perFrame}frame(e){return Math.min(this.frames-1,Math.max(0,Math.floor(this.start+e/this.perFrame)))}resized(e,t){let n=this.perFrame<=this.width/this.frames*1.0001;return new s(e,t,n?0:this.perFrame,this.start)}zoomed(e,t){let n=this.start+t/this.perFrame,o=new s(this.frames,this.width,this.perFrame*e).perFrame;return new s(this.frames,this.width,o,n-t/o)}moved(e){return new s(this.frames,this.width,this.perFrame,this.start+e/this.perFrame)}showing(e){let t=this.stop-this.start;return e<this.start?new s(this.frames,this.width,this.perFrame,e-t*.1):e+1>this.stop?new s(this.frames,this.width,this.perFrame,e-t*.1):this}ticks(e,t=72){let n=Lc(t/this.perFrame,e),o=Cc(n,this.perFrame),i=n/o,r=[];for(let a=Math.floor(this.start/i);a*i<this.stop;a++){let l=Math.round(a*i);if(l>=this.frames)break;r.push({frame:l,text:a%o===0?Je(l,e,n<e):null})}return r}},Ac=24,Pc=[1,2,5,10,15,30,60,120,300,600,900,1800,3600,7200,14400],Ic=[1,2,5,10];function Lc(s,e){let t=Ic.find(n=>n>=s&&n<e);return t!==void 0?t:(Pc.find(n=>n*e>=s)??Math.ceil(s/e/14400)*14400)*e}function Cc(s,e){return[10,5,2].find(t=>s/t>=1&&s/t*e>=6)??1}function Je(s,e,t=!0){let n=Math.round(s/e*100),o=Math.floor(n/100),[i,r,a]=[Math.floor(o/3600),Math.floor(o/60)%60,o%60],l=h=>String(h).padStart(2,"0"),d=i>0?`${i}:${l(r)}:${l(a)}`:`${r}:${l(a)}`;return t?`${d}.${l(n%100)}`:d}var D=26,B=22,F=132,Ye=8,Cn=class{#e;#t;constructor(e,t){this.#e=e,this.#t=t}draw(e,t,n,o){let i=this.#e;i.setTransform(n,0,0,n,0,0),i.fillStyle=o.surface,i.fillRect(0,0,e,t),i.textBaseline="middle",this.#o(e,t,o),i.fillStyle=o.surface,i.fillRect(0,0,e,D),this.#n(e,t,o),this.#u(t,o)}#n(e,t,n){let o=this.#e;o.font=n.font,o.textAlign="left";for(let{frame:i,text:r}of this.#t.scale.ticks(this.#t.fps)){let a=Math.round(F+this.#t.scale.x(i))+.5;a<F||(o.strokeStyle=r===null?n.line:n.strong,o.beginPath(),o.moveTo(a,r===null?D-5:D-9),o.lineTo(a,D),o.stroke(),r!==null&&(o.strokeStyle=n.line,o.beginPath(),o.moveTo(a,D),o.lineTo(a,t),o.stroke(),o.fillStyle=n.soft,o.fillText(r,a+3,9)))}o.fillStyle=n.line,o.fillRect(0,D-1,e,1)}#o(e,t,n){let o=Math.floor(this.#t.top/B),i=Math.min(this.#t.rows.length,Math.ceil((this.#t.top+t-D)/B));for(let r=o;r<i;r++){let a=this.#t.rows[r],l=D+r*B-this.#t.top,d=this.#e;this.#t.selected.has(a.object.uid)&&(d.fillStyle=n.weak,d.fillRect(0,l,e,B)),this.#s(a,l,n),d.save(),d.beginPath(),d.rect(F-Ye,l,e-F+Ye,B),d.clip(),this.#i(a,l,n),this.#r(a,l,n),d.restore()}}#s({name:e,color:t,object:n},o,i){let r=this.#e;r.fillStyle=t,r.beginPath(),r.arc(14,o+B/2,4.5,0,7),r.fill(),r.fillStyle=n.hidden?i.soft:i.text,r.font=i.font,r.textAlign="left",r.fillText(Bc(r,e,F-34),25,o+B/2+.5)}#i({object:e,color:t},n,o){let i=this.#e,{runs:r}=e,a=-1;for(let l=Math.max(0,Pn(r,this.#t.scale.start));l<r.length;l++){let[d,h,m]=r[l];if(d>this.#t.scale.stop)break;let p=F+this.#t.scale.x(d),f=Math.max(p+1,F+this.#t.scale.x(h));if(m===1){if(f<=a)continue;i.fillStyle=t,i.globalAlpha=e.hidden?.35:.85,i.fillRect(Math.max(p,a),n+6,f-Math.max(p,a),B-12),i.globalAlpha=1,a=f}else m===2&&(i.strokeStyle=o.bad,i.setLineDash([3,3]),i.beginPath(),i.moveTo(p,n+B/2),i.lineTo(f,n+B/2),i.stroke(),i.setLineDash([]))}}#r({object:e},t,n){let o=t+B/2,i=-10;for(let{frame:r,kind:a}of No(e)){let l=F+this.#t.scale.x(r);if(!(a==="added"||l<F-8||l-i<7)){if(r>this.#t.scale.stop)break;this.#d(l,o,a==="lost"?"lost":"found",n),i=l}}for(let r of e.gone)this.#a(r)&&this.#d(this.#l(r),o,"gone",n);i=-10;for(let r of e.keys){if(!this.#a(r))continue;let a=this.#l(r);a-i<2||(this.#c(a,o,n),i=a)}}#l(e){return F+this.#t.scale.x(e+.5)}#a(e){return e>=this.#t.scale.start-1&&e<=this.#t.scale.stop}#c(e,t,n){let o=this.#e;o.beginPath(),o.moveTo(e,t-6),o.lineTo(e+5,t),o.lineTo(e,t+6),o.lineTo(e-5,t),o.closePath(),o.fillStyle=n.text,o.fill(),o.lineWidth=1.5,o.strokeStyle=n.surface,o.stroke(),o.lineWidth=1}#d(e,t,n,o){let i=this.#e;if(i.beginPath(),n==="found"){i.moveTo(e,t-8),i.lineTo(e+5,t-3),i.lineTo(e-5,t-3),i.closePath(),i.fillStyle=o.good,i.fill();return}i.lineWidth=2,i.strokeStyle=n==="lost"?o.bad:o.soft,i.moveTo(e-4,t-4),i.lineTo(e+4,t+4),i.moveTo(e+4,t-4),i.lineTo(e-4,t+4),i.stroke(),i.lineWidth=1}#u(e,t){let n=this.#e,o=Math.round(this.#l(this.#t.frame))+.5;o<F||o>F+this.#t.scale.width+1||(this.#t.scale.perFrame>4&&(n.fillStyle=t.accent,n.globalAlpha=.14,n.fillRect(F+this.#t.scale.x(this.#t.frame),D,this.#t.scale.perFrame,e),n.globalAlpha=1),n.strokeStyle=t.accent,n.beginPath(),n.moveTo(o,12),n.lineTo(o,e),n.stroke(),n.fillStyle=t.accent,n.beginPath(),n.moveTo(o-6,11),n.lineTo(o+6,11),n.lineTo(o+6,18),n.lineTo(o,D-1),n.lineTo(o-6,18),n.closePath(),n.fill())}},Rc={surface:"surface",weak:"accent-weak",line:"line",strong:"line-strong",text:"text",soft:"text-soft"};function Er(s){let e=getComputedStyle(s),t=e.fontFamily,n={font:`${e.fontSize} ${t}`},o={...Rc,accent:"accent",good:"good",bad:"bad"};for(let[i,r]of Object.entries(o))n[i]=e.getPropertyValue(`--drawn-${r}`)||"#888";return n}function Bc(s,e,t){if(s.measureText(e).width<=t)return e;let n=e.length;for(;n>1&&s.measureText(`${e.slice(0,n)}…`).width>t;)n--;return`${e.slice(0,n)}…`}var Or=1.2,Rn=class{element;events=new K;#e;#t;#n;#o;#s=[];#i=new Set;#r=0;#l=25;#a=new Ge(1,1);#c=0;#d=!1;#u=null;#m=new Map;constructor(e,t){this.#o=t,this.#t=u("canvas",{class:"timeline-canvas",attrs:{"aria-hidden":"true"}}),this.#e=u("div",{class:"timeline-slider",attrs:{role:"slider",tabindex:0,"aria-label":e,"aria-valuemin":0,"data-testid":"timeline"}},this.#t),this.element=u("div",{class:"timeline"},this.#e),this.#n=this.#t.getContext("2d"),new ResizeObserver(()=>this.#k()).observe(this.#e),this.#e.addEventListener("pointerdown",n=>this.#x(n)),this.#e.addEventListener("pointermove",n=>this.#f(n));for(let n of["pointerup","pointercancel"])this.#e.addEventListener(n,o=>this.#y(o));this.#e.addEventListener("wheel",n=>this.#E(n),{passive:!1}),this.#e.addEventListener("dblclick",n=>this.#M(n)),matchMedia("(prefers-color-scheme: dark)").addEventListener("change",()=>this.redraw())}get fullHeight(){return D+Math.max(1,this.#s.length)*B+Ye}get scale(){return this.#a}setVideo(e,t){this.#l=t,this.#e.setAttribute("aria-valuemax",String(e-1)),this.#a=this.#a.resized(e,this.#a.width),this.redraw()}setRows(e){this.#s=e,this.#c=Math.min(this.#c,this.#h()),this.#g(),this.redraw()}setSelected(e){this.#i=new Set(e);let t=this.#s.findIndex(({object:n})=>this.#i.has(n.uid));t>=0&&this.#p(t),this.redraw()}setFrame(e){this.#r=e,this.#u===null&&(this.#a=this.#a.showing(e)),this.#g(),this.redraw()}zoom(e){this.#a=this.#a.showing(this.#r),this.#a=this.#a.zoomed(e,this.#a.x(this.#r+.5)),this.redraw()}focus(){this.#e.focus()}redraw(){this.#d||(this.#d=!0,requestAnimationFrame(()=>{this.#d=!1,this.#w()}))}#g(){this.#e.setAttribute("aria-valuenow",String(this.#r)),this.#e.setAttribute("aria-valuetext",this.#o(this.#r))}#k(){let{clientWidth:e,clientHeight:t}=this.#e,n=devicePixelRatio;this.#t.width=Math.max(1,Math.round(e*n)),this.#t.height=Math.max(1,Math.round(t*n)),this.#a=this.#a.resized(this.#a.frames,e-F-Ye),this.#c=Math.min(this.#c,this.#h()),this.#w()}#h(){return Math.max(0,this.fullHeight-this.#e.clientHeight)}#p(e){let t=this.#e.clientHeight-D;this.#c=Math.min(Math.max(this.#c,(e+1)*B-t),e*B)}#b(e){let{left:t,top:n}=this.#e.getBoundingClientRect();return[e.clientX-t-F,e.clientY-n]}#x(e){if(e.button!==0)return;let[t,n]=this.#b(e);if(this.#m.set(e.pointerId,[t,n]),this.#e.setPointerCapture(e.pointerId),this.#m.size>1){this.#v();return}let o=this.#s[Math.floor((n-D+this.#c)/B)];n>=D&&o!==void 0&&this.events.emit("select",o.object.uid),this.#u=t<0?"rows":"seek",t>=0&&this.#S(t,!1)}#f(e){let t=this.#m.get(e.pointerId);if(t===void 0)return;let[n,o]=this.#b(e);if(this.#m.size===2){this.#A(e.pointerId,[n,o]);return}this.#m.set(e.pointerId,[n,o]),this.#u==="seek"?this.#S(n,!1):this.#u==="rows"&&this.#j(t[1]-o)}#y(e){this.#m.delete(e.pointerId),e.type==="pointercancel"?this.#v():this.#u==="seek"&&this.#S(this.#b(e)[0],!0),this.#u=null}#v(){this.#u==="seek"&&this.events.emit("seek",{frame:this.#r,done:!0}),this.#u=null}#j(e){this.#c=Math.min(this.#h(),Math.max(0,this.#c+e)),this.redraw()}#S(e,t){let n=this.#a.width;!t&&e>n&&(this.#a=this.#a.moved(Math.min(40,e-n))),!t&&e<0&&(this.#a=this.#a.moved(Math.max(-40,e))),this.events.emit("seek",{frame:this.#a.frame(Math.min(n-1,Math.max(0,e))),done:t})}#A(e,t){let n=()=>[...this.#m.values()].map(([l])=>l),o=n();this.#m.set(e,t);let i=n(),r=([l,d])=>Math.max(8,Math.abs(l-d)),a=([l,d])=>(l+d)/2;this.#a=this.#a.moved(a(o)-a(i)).zoomed(r(i)/r(o),a(i)),this.redraw()}#E(e){e.preventDefault();let[t]=this.#b(e),n=e.deltaMode===0?1:B;e.ctrlKey||e.metaKey?this.#a=this.#a.zoomed(Or**(-e.deltaY/(e.deltaMode===0?60:3)),Math.max(0,t)):e.shiftKey||e.deltaX!==0?this.#a=this.#a.moved((e.deltaX||e.deltaY)*n):this.#h()>0&&e.clientY-this.#e.getBoundingClientRect().top>D?this.#j(e.deltaY*n):this.#a=this.#a.zoomed(Or**(-e.deltaY/(e.deltaMode===0?100:3)),Math.max(0,t)),this.redraw()}#M(e){if(this.#b(e)[1]>D)return;let t=new Ge(this.#a.frames,this.#a.width);this.#a=this.#a.perFrame>t.perFrame*1.001?t:t.zoomed(t.frames/(10*this.#l),t.x(this.#r)),this.redraw()}#w(){let e=devicePixelRatio,t={rows:this.#s,selected:this.#i,scale:this.#a,fps:this.#l,frame:this.#r,top:this.#c},{width:n,height:o}=this.#t;new Cn(this.#n,t).draw(n/e,o/e,e,Er(this.element))}};var Dc=10,Bn=class{element;events=new K;timeline;#e;#t=u("span",{class:"time numbers",attrs:{"data-testid":"video-time"}});#n=u("span",{class:"speed numbers",attrs:{"data-testid":"video-speed"}});#o;#s;#i;#r=u("span",{class:"small numbers",attrs:{role:"status"}});#l=new _(c("video.tracking"));#a;constructor(e,t,n){this.timeline=new Rn(c("video.timeline"),e);let o=(r,a,l,d)=>y({icon:r,name:a,testid:l,press:d}),i=(r,a,l)=>y({icon:r,name:c(`video.track.${a}`),...l!==void 0&&{text:l},testid:`track-${a}`,...a==="forward"&&{kind:"primary"},press:()=>this.events.emit("track",a)});this.#e=o("play",c("video.play"),"play",()=>this.events.emit("play",void 0)),this.#a=o("close",c("video.track.stop"),"track-stop",()=>this.events.emit("endTracking",void 0)),this.#s=u("div",{class:"row",attrs:{role:"group","aria-label":c("video.track")}}),this.#s.append(i("trackBack","back"),i("trackBoth","both"),i("trackForward","forward",c("video.track"))),this.#i=u("div",{class:"row tracking",attrs:{"data-testid":"tracking"}},this.#r,this.#l.element,this.#a),this.#o=this.#c("like",c("video.sameAs"),"same-as",t),this.element=u("section",{class:"video",attrs:{"aria-label":c("video.name"),"data-testid":"video"}},u("header",{},o("stopBefore",c("video.stop.previous"),"stop-previous",()=>this.events.emit("stop","previous")),o("frameBefore",c("video.step.previous"),"frame-previous",()=>this.events.emit("step",-1)),this.#e,o("frameAfter",c("video.step.next"),"frame-next",()=>this.events.emit("step",1)),o("stopAfter",c("video.stop.next"),"stop-next",()=>this.events.emit("stop","next")),this.#t,this.#n,u("span",{class:"grow"}),this.#o,this.#c("menu",c("video.more"),"video-more",n),u("span",{class:"divider"}),this.#s,this.#i,u("span",{class:"divider"}),o("zoomOut",c("video.zoom.out"),"timeline-out",()=>this.timeline.zoom(1/2)),o("zoomIn",c("video.zoom.in"),"timeline-in",()=>this.timeline.zoom(2))),this.timeline.element),this.#i.hidden=!0,this.timeline.element.addEventListener("keydown",r=>this.#d(r))}showFrame(e,t,n){this.timeline.setFrame(e),S(this.#t,`${Je(e,n)} / ${Je(t-1,n)} · ${c("video.frame",{frame:e})}`)}showPlaying(e,t){j(this.#e,{icon:e?"pauseVideo":"play",name:c(e?"video.pause":"video.play"),pressed:e}),S(this.#n,t===1?"":`${t} ×`)}showTracking(e){if(this.#s.hidden=e!==null,this.#i.hidden=e===null,e===null)return;let{done:t=0,total:n=0}=e.progress??{};S(this.#r,n>0?c("video.tracked",{done:t,total:n}):c("video.tracking")),this.#l.set(n>0?t/n:null)}allowSame(e){j(this.#o,{disabled:!e})}#c(e,t,n,o){let i=y({icon:e,name:t,testid:n,attrs:{"aria-haspopup":"menu","aria-expanded":"false"},press:()=>Z(i,t,o())});return i}#d(e){if(e.ctrlKey||e.metaKey||e.altKey)return;let t=e.shiftKey?Dc:1,o={ArrowLeft:()=>this.events.emit("step",-t),ArrowRight:()=>this.events.emit("step",t),ArrowDown:()=>this.events.emit("step",-t),ArrowUp:()=>this.events.emit("step",t),PageDown:()=>this.events.emit("stop","next"),PageUp:()=>this.events.emit("stop","previous"),Home:()=>this.events.emit("step","first"),End:()=>this.events.emit("step","last")," ":()=>this.events.emit("play",void 0),",":()=>this.events.emit("speed","slower"),".":()=>this.events.emit("speed","faster"),"+":()=>this.timeline.zoom(2),"-":()=>this.timeline.zoom(1/2)}[e.key];o!==void 0&&(e.preventDefault(),e.stopPropagation(),o())}};function Pr(s,e,t,n,o){let i=[c("video.frameOf",{frame:s,frames:e-1}),Je(s,t)];return n.length>0&&i.push(c("video.seen",{objects:Ar(n)})),o.length>0&&i.push(c("video.lost",{objects:Ar(o)})),i.join(", ")}function Ar(s){return s.length<=4?s.join(", "):w("objects.count",s.length)}var zo=[.125,.25,.5,1,2,4,8],Dn=class{#e=1;#t=!1;#n={frame:0,time:0};get speed(){return this.#e}get playing(){return this.#t}play(e,t){this.#t=!0,this.#n={frame:e,time:t}}stop(){this.#t=!1}step(e,t,n){let o=zo.indexOf(this.#e);return this.#e=zo[Math.min(zo.length-1,Math.max(0,o+(e?1:-1)))],this.#n={frame:t,time:n},this.#e}due(e,t,n,o,i){let r=Math.min(n-1,this.#n.frame+Math.floor((e-this.#n.time)/1e3*t*this.#e));if(r<=o)return o;for(let a=r;a>o;a--)if(i(a))return a<r&&(this.#n={frame:a,time:e}),a;return this.#n={frame:o,time:e},o}};var Nc=160,zc=32,Fc=6,Ir=[320,480,640,960,1280,1600,1920,2560,3840],Nn=class{constructor(e,t,n){this.model=e;this.stage=t;this.workspace=n;this.pane=new Bn(o=>this.#j(o),()=>this.#T(),()=>this.#P()),this.#e=new An((o,i)=>e.picture(o,this.#x(),i),o=>this.#p(o)),this.#c(),this.goTo(0)}model;stage;workspace;pane;moving=new v(!0);#e;#t=new Dn;#n=0;#o=-1;#s=!1;#i=!1;#r;#l=null;#a=new Set;get frame(){return this.#n}goTo(e){this.#n=Math.min(this.model.frames-1,Math.max(0,e)),this.moving.set(!0),this.#h(),this.#b(this.#n),this.pane.showFrame(this.#n,this.model.frames,this.model.fps),clearTimeout(this.#r),!this.#t.playing&&!this.#s&&(this.#r=setTimeout(()=>{this.#k()},Nc))}hear(e){this.model.hear(e),e.type==="frame"&&this.#E(e.frame)}handles(e){let t={"images.next":1,"images.previous":-1};return t[e]!==void 0?(this.#d(t[e]),!0):e.startsWith("images.")?!0:!this.moving.value||e.startsWith("view.")||e.startsWith("tool.")?!1:(this.#g(),this.workspace.notices.announce(c("video.moving")),!0)}#c(){let{model:e,pane:t,workspace:n}=this;e.state.watch(()=>this.#f()),n.labels.subscribe(()=>this.#f()),e.tracking.watch(o=>t.showTracking(o)),e.known.subscribe(o=>{if(o===null)return;this.moving.value&&(o.frame<0||o.frame===this.#o)&&this.#b(this.#o);let i=n.key.value;i!==null&&(o.frame<0||Ln(o.frame)===i)&&n.saver.told(i,o.version),t.timeline.setFrame(this.#n)}),n.selection.subscribe(o=>this.#S(o)),n.objects.subscribe(()=>this.#w()),this.stage.host.addEventListener("pointerdown",()=>this.#t.playing&&this.#g(),{capture:!0}),t.timeline.events.on("seek",({frame:o,done:i})=>{this.#i=!1,this.#g(),this.#s=!i,this.goTo(o)}),t.timeline.events.on("select",o=>{this.#l=o;let i=n.objects.value.some(r=>r.uid===o);n.selection.set(new Set(i?[o]:[])),t.timeline.setSelected([o])}),t.events.on("step",o=>this.#d(o==="first"?-1/0:o==="last"?1/0:o)),t.events.on("stop",o=>this.#u(o==="previous")),t.events.on("play",()=>this.#t.playing?this.#g():this.#m()),t.events.on("speed",o=>{let i=this.#t.step(o==="faster",this.#n,performance.now());t.showPlaying(this.#t.playing,i),n.notices.announce(c("video.speed",{speed:i}))}),t.events.on("track",o=>{this.#A(o)}),t.events.on("endTracking",()=>{e.stop().catch(()=>{})})}#d(e){this.#i=!1,this.#g(),this.goTo(this.#n+e)}#u(e){let t=Tr(this.model.state.value.objects,this.#n,e);if(t===null){this.workspace.notices.announce(c("video.stop.none"));return}let n=this.model.state.value.objects.find(({uid:o})=>o===t.uid);this.#d(t.frame-this.#n),n&&this.workspace.notices.announce(c(`video.event.${t.kind}`,{object:this.#y(n)}))}#m(){this.#i=!1;let{frames:e,fps:t}=this.model;this.#n>=e-1&&this.goTo(0),this.#t.play(this.#n,performance.now()),this.moving.set(!0),clearTimeout(this.#r),this.pane.showPlaying(!0,this.#t.speed);let n=o=>{if(!this.#t.playing)return;let i=this.#t.due(o,t,e,this.#n,r=>this.#e.get(r)!==void 0);i!==this.#n?this.goTo(i):this.#h(),this.#n>=e-1?this.#g():requestAnimationFrame(n)};requestAnimationFrame(n)}#g(){this.#t.playing&&(this.#t.stop(),this.pane.showPlaying(!1,this.#t.speed),this.goTo(this.#n))}async#k(){let e=this.#n,{workspace:t}=this;await t.saver.settled(),await t.openKey(Ln(e),Hc(e,t.project.value?.name??""));let{value:n}=t.open;if(this.#n!==e||this.#t.playing||n===null||jr(n.key)!==e)return;let o=new Set(t.objects.value.map(i=>i.uid));t.selection.set(new Set([...this.#a].filter(i=>o.has(i)))),this.moving.set(!1),this.#h()}#h(){let{frames:e}=this.model,t=this.#n,n=[t];if(this.#o>=0&&n.push(this.#o),this.#t.playing){let o=Math.max(1,Math.floor(this.#t.speed));for(let i=1;i<=zc;i++)n.push(t+i*o)}else if(!this.#s)for(let o=1;o<=Fc;o++)n.push(t+o,t-o);this.#e.want([...new Set(n)].filter(o=>o>=0&&o<e))}#p(e){let t=Math.abs(e-this.#n)<Math.abs(this.#o-this.#n);(e===this.#n||this.moving.value&&!this.#t.playing&&t)&&this.#b(e)}#b(e){let t=this.#e.get(e);if(t===void 0)return;this.#o=e;let{width:n,height:o}=this.model.state.value;if(this.stage.showPicture(t,{width:n,height:o}),!this.moving.value)return;let i=this.model.masks(e);if(i===null)return;let r=new Map(i.map(a=>[a.uid,a]));this.stage.setObjects(this.model.state.value.objects.flatMap(a=>{let l=r.get(a.uid);return l===void 0||l.kind==="gone"?[]:[{uid:a.uid,bitmap:T(l.segmentation),color:this.#v(a),hidden:a.hidden}]}))}#x(){let e=this.stage.host.clientWidth*devicePixelRatio;return Math.min(this.model.state.value.width,Ir.find(t=>t>=e)??Ir.at(-1))}#f(){let{pane:e,model:t}=this;e.timeline.setVideo(t.frames,t.fps),e.timeline.setRows([...t.state.value.objects].reverse().map(n=>({object:n,name:this.#y(n),color:this.#v(n)}))),this.#w()}#y({number:e,label:t}){return`${e} ${t??c("objects.noLabel")}`}#v(e){return Vt(e,this.workspace.labels.value)}#j(e){let t=n=>this.model.state.value.objects.filter(({runs:o})=>Do(o,e)===n).map(o=>this.#y(o));return Pr(e,this.model.frames,this.model.fps,t(1),t(2))}#S(e){this.moving.value||(this.#a=e,this.#l=[...e].at(-1)??this.#l,this.pane.timeline.setSelected(e.size>0?e:this.#l===null?[]:[this.#l]),this.#w())}async#A(e){let{workspace:t,model:n}=this;this.#g(),await t.saver.settled(),this.#i=!0;let o=this.#n;try{let i=await n.track(o,e);if(i.state==="failed")throw new Error(i.error??c("job.failed"));let r=i.progress?.done??0;e!=="both"&&this.#E(o+(e==="forward"?r:-r)),t.notices.announce(c(i.state==="done"?"video.track.done":"video.track.stopped"))}catch(i){t.notices.toast(L(i),{bad:!0})}this.#i=!1,this.goTo(this.#n)}#E(e){this.#i&&!this.#t.playing&&this.goTo(e)}#M(){let e=new Set(this.workspace.objects.value.map(t=>t.uid));return this.model.state.value.objects.filter(({uid:t})=>!e.has(t))}#w(){this.pane.allowSame(this.workspace.chosen().length===1&&this.#M().length>0)}#T(){return this.#M().map(e=>({text:this.#y(e),testid:`same-as-${e.number}`,choose:()=>this.#O(e)}))}#O({uid:e,label:t,color:n,hidden:o,locked:i,attributes:r}){let[a]=this.workspace.chosen();if(a===void 0)return;let l=a.source==="suggestion"?"model":a.source,d={...a,source:l,uid:e,label:t,color:n,hidden:o,locked:i,attributes:r};this.workspace.do({put:[d],remove:[a.uid]},c("video.sameAs")),this.workspace.selection.set(new Set([e]))}#P(){let e=this.model.state.value.objects.find(({uid:a})=>a===this.#l),t=this.#n;if(e===void 0)return[{heading:c("edit.chooseFirst")}];let{uid:n}=e,o=e.keys.includes(t)||e.gone.includes(t),i={frame:t,uid:n,mask:null,score:null,source:"hand",prompts:[]},r=this.#C(e);return[{heading:this.#y(e)},{text:c("video.gone"),testid:"video-gone",choose:()=>{this.#I({keys:[i]},r,c("video.gone"))}},{text:c("video.unkey"),disabled:!o,testid:"video-unkey",choose:()=>{this.#I({unkey:[{frame:t,uid:n}]},r,c("video.unkey"))}},"line",{text:c("video.remove"),icon:"trash",testid:"video-remove",choose:()=>{this.#R(e)}}]}#C({uid:e,gone:t}){let n=this.#n,o=this.workspace.objects.value.find(l=>l.uid===e);if(t.includes(n))return{keys:[{frame:n,uid:e,mask:null,score:null,source:"hand",prompts:[]}]};if(o===void 0)return{unkey:[{frame:n,uid:e}]};let{mask:i,score:r,prompts:a}=o;return{keys:[{frame:n,uid:e,mask:i,score:r,source:o.source==="suggestion"?"model":o.source,prompts:a}]}}async#R(e){let{uid:t,label:n,color:o,hidden:i,locked:r,attributes:a}=e,l=c("video.removed",{object:this.#y(e)}),d=await this.#I({remove:[t]},{objects:[{uid:t,label:n,color:o,hidden:i,locked:r,attributes:a}]},c("video.remove"));d!==null&&this.workspace.notices.toast(l,{does:{text:c("keys.undo"),press:()=>{this.workspace.edits.goBackOf("undo",d)}}})}async#I(e,t,n){let o={name:n,undo:()=>this.#L(t),redo:()=>this.#L(e)};try{await o.redo()}catch(i){return this.workspace.notices.toast(L(i),{bad:!0}),null}return this.workspace.undoables.done(o),this.workspace.notices.announce(n),o}async#L(e){try{await this.workspace.saver.settled(),await this.model.change(e)}catch(t){throw this.model.reload(),t}}};function Hc(s,e){return{key:Ln(s),name:`${e} ${s}`,state:"new",objects:0,version:0,doubt:null,error:null}}var qc=5e3,zn=class{constructor(e){this.root=e;this.stage=new kt(this.host,{label:c("stage.name")});let t=()=>this.workspace.project.value?.dataset??"",n=$c();this.unsent=new jt(localStorage,t,n,new xt("promptseg.studio"));let o=new Tt({send:(p,f,g)=>this.client.change(p,f,g),load:async p=>(await this.client.open(p)).document,choose:(p,f)=>this.live.choose(p,f)},this.unsent);this.workspace=new On(this.client,o,this.notices,p=>this.run(p),()=>this.host.focus()),this.truth=new vn(this.workspace),this.loader=new dn(this.client,this.workspace,this.cards),this.live=new cn(this.client,this.workspace,this.unsent,n,()=>this.video);let{client:i,workspace:r,loader:a,stage:l,settings:d,truth:h}=this,m=ci({client:i,workspace:r,loader:a,stage:l,settings:d,truth:h,isMoving:()=>this.isMoving});this.tools=new Kt(m,r.tool.value),this.requests=new gn(this.client,this.workspace,this.tools,this.cards),this.tools.attach(this.stage),this.workspace.settle=async()=>{let p=this.tools.isDrafting;return await Promise.race([this.tools.settle(),Y(qc)]),p},this.run=this.build(),this.join()}root;client=new Qe;notices=new un;settings={brushRadius:new v(C("brush",12)),pressure:new v(C("pressure",!0)),preview:new v(C("preview",!0)),threshold:new v(.3)};host=u("div",{class:"canvas",attrs:{"data-testid":"stage"}});stage;workspace;tools;truth;cards=u("div",{class:"job-cards"});run;unsent;loader;live;requests;hints=null;folder=null;video=null;async start(){let{workspace:e,client:t}=this,[n]=await Promise.all([t.project(),e.loadImages()]);e.project.set(n),e.labels.set(n.labels);let o=C("label",null);e.label.set(n.labels.some(i=>i.name===o)?o:n.labels[0]?.name??null),this.settings.threshold.set(n.threshold),this.loader.load(),this.live.listen(),this.requests.resumeSuggesting(),await this.live.resume(),n.kind==="video"?await this.startVideo():await this.openFirst(),this.host.focus(),e.open.value!==null&&this.hints?.greet()}get isMoving(){return this.video?.moving.value===!0}async startVideo(){this.video=new Nn(await In.load(this.client),this.stage,this.workspace),this.root.dataset.kind="video",this.folder?.element.replaceWith(this.video.pane.element),this.workspace.closed=()=>this.isMoving?c("video.moving"):null,this.video.moving.subscribe(e=>{e||(this.notices.withdraw(c("video.moving")),this.drawObjects())})}async openFirst(){let{workspace:e}=this,{value:t}=e.images,o=t.find(i=>i.key===C("image",""))??t.find(i=>i.state!=="done"&&i.error===null)??t[0];o&&await e.openKey(o.key)}get tested(){let{stage:e,workspace:t,unsent:n}=this;return{stage:{pixelsOf:o=>e.pixelsOf(o),viewport:e.viewport,get settled(){return e.settled}},get state(){return{key:t.key.value,open:t.open.value,objects:t.objects.value,selection:[...t.selection.value],images:t.images.value,state:t.state.value,labels:t.labels.value,save:t.save.value,isKept:n.isSettled&&!t.saver.wouldLose,tool:t.tool.value}}}}build(){let{workspace:e,notices:t,stage:n}=this,o=new fn(e),i=new hn(e),r=new Zt(e),a=new an(e),l=new sn(e);this.folder=l;let d=new pn(e,this.tools,this.settings),h=new bn(e,n,this.settings.preview),m=u("div",{class:"over-rest"},d.element,this.truth.element,this.cards,t.toasts),p=u("main",{class:"stage-area",attrs:{"aria-label":c("stage.area")}},u("div",{class:"stage"},this.host),nr(e),new wn(e).element,u("div",{class:"over"},t.bannerPlace,m),h.element),f=u("button",{class:"button plain skip",attrs:{type:"button"},on:{click:()=>this.host.focus()}},c("stage.skip")),g=u("aside",{class:"side",attrs:{"aria-label":c("side.name")}},i.element,r.element,a.element);M(this.root,f,new yn(e).element,o.element,p,g,l.element,t.live),this.hints=new rn([{text:()=>c("hints.point"),beside:()=>o.buttonOf("point"),side:"right"},{text:()=>c("hints.labels"),beside:()=>a.element,side:"left"},{text:()=>c(this.video===null?"hints.done":"video.hint"),beside:()=>this.root.querySelector(`[data-testid=${this.video===null?"done-next":"track-forward"}]`),side:"below"}]);let b=oi(e,{stage:n,takeBack:()=>{let k=e.tool.value;return(k==="point"||k==="box")&&this.tools[k].session.back()},renameObject:()=>r.focusLabel(),refineObject:()=>this.requests.refineObject(),copyCutOut:()=>{this.requests.copyCutOut()},showCode:()=>{this.requests.showCode()},addLabel:()=>a.add(),searchImages:()=>l.focusSearch(),growFolder:()=>l.grow(),chooseImages:()=>Ei("image/*",k=>{this.requests.take(k)}),suggest:()=>Mi(e,(k,O)=>this.requests.suggest(k,O)),import:()=>nn(e),export:()=>ki(e),help:xi,hints:()=>this.hints?.show(0),focusTool:()=>d.focus()});return k=>this.video?.handles(k)===!0||si(k)&&e.refuses()||b(k)}join(){let{workspace:e,stage:t,tools:n}=this;e.tool.subscribe(o=>{n.use(o),this.notices.announce(E(`keys.tool.${o}`))}),e.open.subscribe(o=>{t.setImage(o===null?null:{width:o.width,height:o.height,source:e.source(o)}),t.setLabel(o===null?c("stage.name"):c("stage.of",{name:o.name})),this.drawObjects()});for(let o of[e.objects,e.labels,e.truth,e.truthShown])o.subscribe(()=>this.drawObjects());e.selection.subscribe(o=>t.setSelected(o));for(let o of[e.objects,e.selection])o.subscribe(()=>e.edits.forgetLocks());e.pointed.subscribe(o=>t.setHovered(o)),t.on("hover",({at:o})=>e.tool.value==="select"&&e.pointed.set(t.objectsAt(o)[0]??null)),t.on("leave",()=>e.pointed.set(null));for(let[o,i]of Object.entries({brush:this.settings.brushRadius,pressure:this.settings.pressure,preview:this.settings.preview}))i.subscribe(r=>z(o,r));Ui(t,e,()=>this.isMoving),this.showAwaited(),this.showBusy(),t.refuses=()=>e.refuses(),e.opening.subscribe(o=>o&&t.drop()),this.joinWindow()}showAwaited(){let{point:e,box:t}=this.tools,n=new ie(c("prompt.busy"),"awaited"),o=0,i=()=>{clearTimeout(o),e.session.awaited.value+t.session.awaited.value===0?n.element.remove():o=window.setTimeout(()=>this.cards.append(n.element),We)};for(let{session:r}of[e,t])r.awaited.subscribe(i)}showBusy(){let{preparing:e,opening:t}=this.workspace,n=new ie(c("prompt.preparing"),"busy"),o=Pe(t),i=()=>{let r=(o.value?this.workspace.whyClosed:null)??(e.shown.value?c("prompt.preparing"):null);if(this.host.setAttribute("aria-busy",String(r!==null)),r===null){n.element.remove();return}n.set(r,null),this.cards.append(n.element),this.notices.announce(r)};for(let r of[o,e.shown])r.subscribe(i)}joinWindow(){let{workspace:e}=this;Oi(this.root),Di(t=>this.run(t)),Ti(t=>{this.requests.take(t)}),addEventListener("online",()=>e.saver.retry()),addEventListener("beforeunload",t=>e.saver.wouldLose&&t.preventDefault()),e.saver.status.watch(({state:t,reason:n})=>{t==="offline"?this.notices.banner(c("banner.offline")):t==="refused"?this.notices.banner(c("banner.refused",{why:n??""}),"warning"):this.notices.banner(null)})}drawObjects(){let{workspace:e,stage:t}=this;if(e.open.value===null||this.isMoving)return;let n=e.objects.value.map(o=>({uid:o.uid,bitmap:T(o.mask),color:e.colorOf(o),hidden:o.hidden}));t.setObjects([...n,...this.truth.overlay()]),t.setSelected(e.selection.value)}};function $c(){return`page-${[...crypto.getRandomValues(new Uint8Array(8))].map(s=>s.toString(16).padStart(2,"0")).join("")}`}yo();document.documentElement.lang=Fe()==="zh"?"zh-Hans":Fe();var Fo=document.getElementById("studio");if(Fo!==null){let s=new zn(Fo);window.promptsegStudio=s.tested,s.start().catch(e=>{let t=document.createElement("p");t.setAttribute("role","alert"),t.className="fatal",t.textContent=c("fatal",{why:e instanceof Error?e.message:String(e)}),Fo.append(t)})}
