/** The looks of a report's page. Colours are variables: the script draws with them, and the dark ones take their place at night. */
export const pageStyle = `
:root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --soft: #5b6570; --edge: #d8dde3; --card: #f5f7f9; --line: #1f6feb;
  --area: #1f6feb22; --fault: #e3a10033; --gap: #d1242f55; --leads: #1f6feb; --insync: #a9c9f8; --out: #f2c4c4; --good: #1a7f37; --bad: #d1242f; }
@media (prefers-color-scheme: dark) { :root { --ground: #0e1116; --text: #e6e9ed; --soft: #96a1ad; --edge: #2d333b; --card: #161b22;
  --line: #58a6ff; --area: #58a6ff22; --fault: #d2992233; --gap: #f8514966; --leads: #58a6ff; --insync: #25456e; --out: #6e2b2f; --good: #3fb950; --bad: #f85149; } }
body { margin: 0 auto; max-width: 1200px; padding: 24px 16px; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 26px; } h2 { margin: 32px 0 4px; font-size: 18px; } h3 { margin: 12px 0 0; font-size: 14px; font-weight: 600; }
h1 span { margin-left: 8px; padding: 2px 12px; border-radius: 99px; color: #fff; font-size: 16px; vertical-align: middle; }
.kept { background: var(--good); } .broken { background: var(--bad); }
.violation { margin: 8px 0 0; color: var(--bad); font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 10px; margin-top: 20px; }
.tile { padding: 10px 14px; border: 1px solid var(--edge); border-radius: 8px; background: var(--card); }
.tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; } .tile span { color: var(--soft); font-size: 13px; }
.tile.wrong b { color: var(--bad); }
.legend { margin: 0 0 6px; color: var(--soft); font-size: 13px; }
.legend i { display: inline-block; width: 14px; height: 10px; margin: 0 5px 0 12px; border-radius: 2px; }
.legend i:first-child { margin-left: 0; } i.line { background: var(--line); height: 2px !important; vertical-align: middle; } i.fault { background: var(--fault); }
i.gap { background: var(--gap); } i.leads { background: var(--leads); } i.insync { background: var(--insync); } i.out { background: var(--out); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; } th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--edge); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 500; font-size: 13px; } section { overflow-x: auto; }
.u-legend { font-size: 12px; text-align: left; color: var(--soft); } .u-legend th::after { color: var(--soft); } .u-legend.u-inline .u-value { min-width: 90px; } .u-legend .u-series td, .u-legend .u-series th { padding: 1px 4px; border: 0; }
.u-select { background: var(--area); }`;
