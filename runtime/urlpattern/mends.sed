# What urlpattern-polyfill 10.1.0 does otherwise than the standard, mended in its one line of code; see the Makefile.
# Tabs and line ends go from hosts and ports, and what ends a host or port in a URL ends it here.
s~if(/\[\\t\\n\\r #[^(]*(e))throw~e=e.replace(/[\\t\\n\\r]/g,"").split(/[#/?\\\\]/,1)[0];if(e===""||/[ %:<>@[\\]^|]/.test(e))throw~
s~if(e===""||/^\[0-9\]\*$/[^)]*)&&parseInt(e)<=65535)return e;~if(e==="")return e;let t=/^[0-9]+/.exec(e.replace(/[\\t\\n\\r]/g,""));if(t\&\&t[0]<=65535)return String(+t[0]);~
# Names may have letters beyond the first plane.
s~let i=e\.substr(s,1);~let i=String.fromCodePoint(e.codePointAt(s));~
s~{f+=e\[s++\];continue}~{f+=i,s+=i.length;continue}~
# Regular expressions have the flag v.
s~?"ui":"u"~?"vi":"v"~
