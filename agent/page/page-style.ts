/** Style of the node page. Bars and dots are SVG, since the page's policy forbids style attributes. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;
--back:light-dark(#f6f7f5,#14181a);--card:light-dark(#fff,#1b2124);--line:light-dark(#e2e5e0,#2c3437);
--text:light-dark(#1d2427,#dde4e3);--soft:light-dark(#5a6669,#9aa8a9);--fill:light-dark(#e6eae6,#2b3437);
--good:light-dark(#1a7f5a,#4cc38f);--bad:light-dark(#b3261e,#ff8a80);--warn:light-dark(#8a5a00,#f0b454);
--badback:light-dark(#fdeceb,#331c1c);--shade:light-dark(#0003,#000c)}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:15px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}
main,header{max-width:1180px;margin:0 auto;padding:0 24px}
header{display:flex;align-items:baseline;justify-content:space-between;gap:8px 24px;flex-wrap:wrap;padding-top:32px}
h1{font-size:26px;font-weight:650;letter-spacing:-.01em;margin:0;display:flex;flex-wrap:wrap;align-items:center;gap:0 12px}
h2{font-size:15px;font-weight:650;margin:0;padding:16px 20px 12px}
h2 small{font-size:inherit;font-weight:400;color:var(--soft);margin-left:8px}
p{margin:0}
code,.mono{font-family:ui-monospace,monospace;font-size:13px}
.soft{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
svg{display:block;overflow:visible}
.dot{fill:currentColor}
#live::before{content:"";display:inline-block;width:8px;height:8px;border-radius:50%;margin-right:8px;background:currentColor}
#live.on::before{background:var(--good)}
.verdict{font-size:17px;font-weight:600}
.reasons{margin:20px 0 0;padding:14px 20px 14px 36px;border-radius:10px;background:var(--badback)}
.reasons b{font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:16px;margin:24px 0 0;padding:0}
.tiles div,section{background:var(--card);border:1px solid var(--line);border-radius:10px}
.tiles div{padding:14px 20px 16px}
.tiles dt{color:var(--soft);font-size:13px}
.tiles dd{margin:0}
.tiles .big{font-size:26px;font-weight:600;line-height:1.3;letter-spacing:-.01em}
.tiles .note{font-size:13px;color:var(--soft)}
.tiles svg{margin-top:8px}
.fill{fill:var(--fill)}.part{fill:var(--good)}.part.full{fill:var(--bad)}
.bar{fill:var(--good);opacity:.75}.bar.failed{fill:var(--bad);opacity:1}
section{margin:16px 0 0;min-width:0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:0 16px;align-items:start}
.scroll{overflow:auto;border-radius:0 0 10px 10px;max-height:min(75vh,760px);
background:linear-gradient(var(--card),var(--card)) 0 0/24px 100% no-repeat local,linear-gradient(var(--card),var(--card)) 100% 0/24px 100% no-repeat local,
linear-gradient(90deg,var(--shade),transparent) 0 0/12px 100% no-repeat,linear-gradient(270deg,var(--shade),transparent) 100% 0/12px 100% no-repeat}
thead th{position:sticky;top:0;background:var(--card)}
th button{all:unset;cursor:pointer}
th[aria-sort]{color:var(--text)}th[aria-sort] button::after{content:" ↑"}th[aria-sort=descending] button::after{content:" ↓"}
input{font:inherit;font-size:14px;color:var(--text);background:var(--card);border:1px solid var(--line);border-radius:8px;padding:4px 10px;max-width:100%}
h2[data-found]::after{content:"· " attr(data-found);font-weight:400;color:var(--soft);margin-left:8px}
.lost main{filter:grayscale(1);opacity:.6}
.lost #live{display:inline-block;font-weight:650;background:var(--badback);border:1px solid var(--bad);border-radius:8px;padding:6px 12px}
table{border-collapse:collapse;width:100%;font-size:14px}
td{white-space:nowrap}.x{white-space:normal}
th{text-align:left;font-weight:500;font-size:12.5px;color:var(--soft);white-space:nowrap}
th,td{padding:6px 12px;border-top:1px solid var(--line);vertical-align:top}
th:first-child,td:first-child{padding-left:20px}
th:last-child,td:last-child{padding-right:20px}
.n{text-align:right}
.x{overflow-wrap:anywhere;min-width:150px}
.none{padding:0 20px 16px;color:var(--soft)}
.more{padding:10px 20px 12px;border-top:1px solid var(--line);color:var(--soft);font-size:13px}
footer{margin:20px 0 40px;font-size:13px;color:var(--soft)}
:focus-visible{outline:2px solid var(--good);outline-offset:2px}
@media(max-width:640px){main,header{padding:0 14px}header{padding-top:20px}.x{min-width:240px}}
`;
