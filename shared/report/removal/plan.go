// Package removal words plans and what the functions of the night did, for people, logs and
// notices.
package removal

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	stored "vodcurator/shared/state/removal"
)

// Plan writes a plan for people: what would go by rule, the biggest items, why the
// nearest of the rest stay, what its policy's owner should look at, and what was set aside.
func Plan(w io.Writer, p stored.Plan) error {
	e := &lines{w: w}
	e.say("Plan %s", p.ID)
	e.say("  account %s, region %s%s", p.Account, p.Region, prefixed(", application ", p.App))
	e.say("  made %s, to be applied before %s", p.Created.Format(report.Moment), p.Expires.Format(report.Moment))
	e.say("  %s in the library%s, %s", report.Count(p.Library.Media, "asset"), unread(p.Library.Unread), would(p))
	e.work(p)
	if p.Unreadable() > 0 {
		e.say("  NOBODY CAN PLAY %s of them afterwards, until they are restored", report.Number(p.Unreadable()))
	}
	if s := p.Saving; s != nil {
		e.say("  saves %s", saves(s.Money, s.Currency, p.Items))
	}
	for _, over := range p.Over {
		e.say("  OVER ITS GUARDS, it would not run: %s", over)
	}
	if len(p.Over) > 0 {
		e.say("  A person can approve a portion of it, the oldest first: vodctl approve %s --first N", p.ID)
	}
	for _, warning := range p.Warnings {
		e.say("  WARNING: %s", warning)
	}
	rules := report.NewTable("rule", "takes", ">items", ">assets", ">bytes", ">unknown")
	for _, r := range p.Rules {
		rules.Row(r.Rule, r.Kind, report.Number(r.Items), report.Number(r.Media), report.Bytes(r.Bytes), report.Number(r.Unknown))
	}
	e.table(rules)
	if p.Saving != nil {
		e.money(p)
	}
	biggest := report.NewTable("biggest", "takes", ">bytes", "title", "reason")
	for _, b := range p.Biggest {
		biggest.Row(b.ID, strings.TrimSpace(part(b.Kind, b.Part)+" "+b.To), report.Bytes(b.Bytes), report.Cut(b.Title, 30), b.Reason)
	}
	e.table(biggest)
	e.more(p.Items-len(p.Biggest), "vodctl plan show "+p.ID+" -o csv")
	e.kept(p)
	if len(p.Odd) > 0 {
		e.say("\n  Set aside and kept, since they cannot be judged:")
	}
	for _, odd := range p.Odd {
		e.say("    %s", odd)
	}
	if p.PendingItems > 0 {
		e.say("\n  %s in their grace: vodctl pending", report.Count(p.PendingItems, "item"))
	}
	return e.err
}

// kept tells why the rest stays, and of the nearest each.
func (l *lines) kept(p stored.Plan) {
	var kept []string
	looked := 0
	for _, why := range slices.Sorted(maps.Keys(p.Kept)) {
		kept = append(kept, fmt.Sprintf("%s %s", report.Number(p.Kept[why]), why))
		looked += p.Kept[why]
	}
	if len(kept) > 0 {
		l.say("\n  Looked at and kept: %s", strings.Join(kept, ", "))
	}
	near := report.NewTable("kept", "part", "rule", "why", "reason")
	for _, k := range p.Near {
		near.Row(k.ID, part(k.Kind, k.Part), k.Rule, k.Why, report.Cut(k.Reason, 60))
	}
	if l.table(near); len(p.Near) > 0 {
		l.more(looked-len(p.Near), "vodctl plan explain ID")
	}
}

// work tells what applying the plan costs in calls and time.
func (l *lines) work(p stored.Plan) {
	if p.Items == 0 {
		return
	}
	calls := report.Count(p.Work.Deletes, "call") + " to delete"
	if p.Duty == retention.Moving {
		calls = report.Count(p.Work.Deletes, "call") + " to move"
	}
	l.say("  %s to read again and %s, about %s", report.Count(p.Work.Reads, "call"), calls,
		report.Duration(time.Duration(p.Work.Minutes*float64(time.Minute))))
}

// would says what a plan would do.
func would(p stored.Plan) string {
	if p.Duty == retention.Moving {
		return "it " + MovesText(p.Moves)
	}
	return fmt.Sprintf("%s would lose %s: %s", report.Number(p.Media), report.Count(p.Items, "item"), sized(p.Totals))
}

// saves words what something saves and costs. What has no price is told, and is not in the sum.
func saves(m retention.Money, currency string, items int) string {
	if items > 0 && m.Unpriced >= items {
		return "nobody knows what: " + unpriced(m)
	}
	var once []string
	for _, cost := range []struct {
		sum  float64
		what string
	}{{m.Early, "for minimum storage time"}, {m.Retrieval, "for retrieval"}, {m.Moves, "for requests"}} {
		if cost.sum > 0 {
			once = append(once, fmt.Sprintf("%.2f %s", cost.sum, cost.what))
		}
	}
	text := fmt.Sprintf("%.2f %s a month", m.Month, currency)
	if len(once) > 0 {
		text += ", less once " + strings.Join(once, " and ")
	}
	if paid := payBack(m); paid != "" && (len(once) > 0 || m.Month < 0) {
		text += ", " + paid
	}
	return text + when(m.Unpriced > 0, "; "+unpriced(m))
}

// unpriced says why items are in no sum.
func unpriced(m retention.Money) string {
	var why []string
	if n := m.Unpriced - m.Split; n > 0 {
		why = append(why, "no price or size for "+report.Count(n, "item"))
	}
	if m.Split > 0 {
		why = append(why, report.Count(m.Split, "item")+" in two storage classes, and VOD does not tell how much is in each")
	}
	return strings.Join(why, ", ")
}

func payBack(m retention.Money) string {
	days, ok := m.PayBack()
	switch {
	case m.Unpriced > 0:
		return ""
	case m.Month < 0:
		return "which never pays back: it costs more every month"
	case !ok:
		return "which it never pays back"
	}
	return "paid back in " + report.Count(int(math.Ceil(days)), "day")
}

// money tells for each rule what it saves and costs.
func (l *lines) money(p stored.Plan) {
	t := report.NewTable("rule", "takes", ">saved a month", ">once", ">paid back")
	for _, r := range p.Rules {
		m := r.Money
		if m == nil {
			continue
		}
		if m.Unpriced == r.Items {
			t.Row(r.Rule, r.Kind, when(m.Split < r.Items, "no price")+when(m.Split == r.Items, "in two classes"), "", "")
			continue
		}
		days, ok := m.PayBack()
		paid := when(ok, report.Count(int(math.Ceil(days)), "day"))
		if !ok {
			paid = "never"
			if m.Unpriced > 0 {
				paid = unpriced(*m)
			}
		}
		t.Row(r.Rule, r.Kind, fmt.Sprintf("%.2f %s", m.Month, p.Saving.Currency), fmt.Sprintf("%.2f", m.Once()), paid)
	}
	l.table(t)
}

// MoneyCells are what something saves in a month, costs once and in how many days that is paid
// back. What nobody knows is empty.
func MoneyCells(m *retention.Money, currency string) []any {
	if m == nil || m.Unpriced > 0 {
		return []any{"", "", "", ""}
	}
	paid := "never"
	if days, ok := m.PayBack(); ok {
		paid = fmt.Sprintf("%.0f", math.Ceil(days))
	}
	return []any{report.Sum(m.Month), report.Sum(m.Once()), paid, currency}
}

// MoneyColumns are the heads of MoneyCells.
var MoneyColumns = []string{"saved a month", "once", "paid back in days", "currency"}

// PlanCSV writes one line for each item. Without prices the cells of money are empty.
func PlanCSV(w io.Writer, p stored.Plan, prices retention.Prices, entries func(func(retention.Verdict, error) bool)) error {
	out := report.NewRows(w, report.AsCSV, append([]string{"id", "title", "created", "kind", "part", "bytes", "rule", "reason", "to"}, MoneyColumns...)...)
	for v, err := range entries {
		if err != nil {
			return err
		}
		for _, i := range v.Items {
			money := prices.Of(i, v.Class, v.InClass(p.Created))
			cells := []any{i.ID, v.Title, v.Created, i.Kind, i.Part, report.Size(i.Bytes), i.Rule, i.Reason, i.To}
			out.Add(nil, append(cells, MoneyCells(&money, prices.Currency)...)...)
		}
	}
	return out.Print()
}

// PlanLines writes each asset with its items as one line of JSON.
func PlanLines(w io.Writer, entries func(func(retention.Verdict, error) bool)) error {
	for v, err := range entries {
		if err == nil {
			err = report.JSON(w, v, "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lines writes line by line and remembers the first failure.
type lines struct {
	w   io.Writer
	err error
}

func (l *lines) say(format string, args ...any) {
	if l.err == nil {
		l.err = report.Say(l.w, format+"\n", args...)
	}
}

func (l *lines) table(t *report.Table) {
	if t.Len() > 0 && l.err == nil {
		l.say("")
		l.err = t.Write(l.w, "  ")
	}
}

// more says how many a table leaves out, and which command shows them.
func (l *lines) more(n int, command string) {
	if n > 0 {
		l.say("  and %s more: %s", report.Number(n), command)
	}
}

func prefixed(prefix, text string) string { return when(text != "", prefix+text) }

func when(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func unread(n int) string {
	return when(n > 0, fmt.Sprintf(" (%s could not be read)", report.Number(n)))
}

func sized(t stored.Totals) string {
	return report.Bytes(t.Bytes) + when(t.Unknown > 0, fmt.Sprintf(" and %s of unknown size", report.Count(t.Unknown, "item")))
}

func part(kind retention.Kind, part string) string {
	if kind == "" {
		return "all of it"
	}
	return strings.TrimSpace(string(kind) + " " + part)
}
