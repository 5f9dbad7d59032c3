"""What the pages of tickets add to the sheet of all pages."""

from audit_assets.sandbox import page

STYLE = (
    page.STYLE
    + """\
.identifier { color: var(--soft); margin: 0; font-variant-numeric: tabular-nums; white-space: nowrap; }
.label, .state, .priority { display: inline-block; padding: .05rem .55rem; border: 1px solid var(--line);
  border-radius: 1rem; font-size: .8125rem; color: var(--text); white-space: nowrap; }
.label { margin-right: .35rem; }
.priority::before, .state::before { content: ""; display: inline-block; width: .55rem; height: .55rem;
  margin-right: .4rem; border-radius: 50%; background: #9a9ca5; }
.priority::before { border-radius: 2px; }
.p1::before { background: #d92d20; } .p2::before { background: #e8730c; }
.p3::before { background: #d4a106; } .p4::before { background: #4d7fd6; }
.triage::before { background: #e8730c; } .started::before { background: #d4a106; }
.completed::before { background: #3f9d57; } .hidden::before { background: #d92d20; }
.text > :first-child { margin-top: 0; }
.text h1, .text h2, .text h3, .text h4 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; }
.text h1 { font-size: 1.25rem; } .text h2 { font-size: 1.15rem; }
blockquote { margin: 1rem 0; padding: 0 1rem; border-left: 3px solid var(--line); color: var(--soft); }
details { border: 1px solid var(--line); border-radius: 6px; padding: .5rem 1rem; margin: 1rem 0; }
summary { cursor: pointer; font-weight: 600; }
.picture { color: var(--soft); }
img.picture { display: block; width: 100%; max-width: 50rem; height: auto; border-radius: 6px; }
.attachments { list-style: none; margin: 0; padding: 0; }
.attachments li { padding: .55rem 0; border-top: 1px solid var(--line); }
.subtitle { color: var(--soft); font-size: .875rem; }
.comment { border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; margin: 0 0 .8rem; }
.comment .facts { margin-bottom: .5rem; } .comment .text > :last-child { margin-bottom: 0; }
.tickets { width: 100%; border-collapse: collapse; font-size: .9375rem; }
.tickets th { text-align: left; font-size: .8125rem; font-weight: 500; color: var(--soft); white-space: nowrap; }
.tickets th, .tickets td { padding: .55rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
.tickets .title a { color: inherit; text-decoration: none; font-weight: 500; }
.tickets .title a:hover { text-decoration: underline; }
.tickets .number { text-align: right; font-variant-numeric: tabular-nums; }
.unit { display: none; }
.tickets .created { white-space: nowrap; color: var(--soft); }
@media (max-width: 46rem) {
  .tickets thead { display: none; }
  .tickets, .tickets tbody { display: block; }
  .tickets tr { display: flex; flex-wrap: wrap; gap: .2rem .6rem; align-items: baseline; padding: .8rem 0;
    border-bottom: 1px solid var(--line); }
  .tickets td { padding: 0; border: 0; } .tickets .title { order: -1; flex: 1 1 100%; }
  .tickets .number { color: var(--soft); } .unit { display: inline; }
}
"""
)
