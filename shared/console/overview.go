package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/state/removal"
)

func (s *Server) overviewArea() area {
	return area{
		pages: map[string]page{"overview": {"/{$}", "Overview", s.overview}},
		raw: map[string]http.HandlerFunc{"GET /favicon.ico": func(w http.ResponseWriter, r *http.Request) { // the first address names no icon
			http.ServeFileFS(w, r, files, "static/icon.svg")
		}},
		said: []string{"Storage class", "Category", "Definition"},
	}
}

// overviewView is the first page.
type overviewView struct {
	insight.Overview
	Nights []nightView
	Gap    string // why the nights are not known
	Stored reading
	Total  totals
	By     []storedBy
}

// totals are of the library.
type totals struct {
	Assets, Unsized int
	Size            int64
}

// nightView is what a plan freed.
type nightView struct {
	Plan         string
	Items, Moved int
	Freed, Asked int64
	Widest       int64 // of all nights
	Ended        bool
}

// storedBy is how the library is stored by one fact.
type storedBy struct {
	Label  string
	Values []storedValue
	Max    int
	More   int
	Sized  bool // bytes are told
}

type storedValue struct {
	choice
	Bytes   int64
	Unsized int
}

// nightsShown is how many nights the overview shows, and valuesShown how many values of a fact.
const nightsShown, valuesShown = 14, 8

// overview gathers the first page; its live part has no use for the ledger and the library.
func (s *Server) overview(r *http.Request) (any, error) {
	ctx := r.Context()
	o, err := insight.Status(ctx, s.App, insight.Absent(s.App))
	v := overviewView{Overview: o}
	if err != nil || r.Header.Get("Accept") == "text/event-stream" {
		return v, err
	}
	v.nights(ctx, s)
	v.Stored = s.library(ctx)
	if x := v.Stored.Index; x != nil {
		v.Total = totals{x.whole.assets, x.whole.unsized, x.whole.bytes}
		v.By = x.storedBy()
	}
	return v, nil
}

// nights are the last plans that the ledger tells of, the latest first.
func (v *overviewView) nights(ctx context.Context, s *Server) {
	if s.App.State == nil || !v.Used {
		v.Gap = "STATE"
		return
	}
	ledger, err := removal.VerifyLedger(ctx, s.App.State)
	if err != nil {
		v.Gap = err.Error()
	}
	widest := int64(1)
	for i := len(ledger.Plans) - 1; i >= 0 && len(v.Nights) < nightsShown; i-- {
		p := ledger.Plans[i]
		n := nightView{Plan: p.Plan, Items: p.Freed.Items, Freed: p.Freed.Bytes, Asked: p.Planned.Bytes, Ended: p.Ended}
		if p.Duty == retention.Moving {
			n.Moved, n.Items = n.Items, 0
		}
		widest = max(widest, n.Freed, n.Asked)
		v.Nights = append(v.Nights, n)
	}
	for i := range v.Nights {
		v.Nights[i].Widest = widest
	}
}

// stored is how many assets, and bytes of them, have each value of a facet. Bytes of an asset
// are no bytes of one of its definitions, so those have none.
func (x *index) stored(n int) storedBy {
	c := &x.columns[n]
	by := storedBy{Label: facets[n].label, Max: max(1, x.whole.assets), Sized: c.at == nil}
	bytes, unsized := make([]int64, len(c.words)), make([]int, len(c.words))
	for i, size := range x.bytes {
		for _, code := range c.of(uint32(i)) {
			if size < 0 {
				unsized[code]++
			} else {
				bytes[code] += size
			}
		}
	}
	all := x.values(n, x.whole)
	if by.More = max(0, len(all)-valuesShown); by.More > 0 {
		all = all[:valuesShown]
	}
	for _, one := range all {
		f := filter{n, word{state: one.state, text: one.text}}
		code, _ := c.find(f.word)
		by.Values = append(by.Values, storedValue{x.choice(f, one.count, question{filters: []filter{f}}.path(), false), bytes[code], unsized[code]})
	}
	return by
}

// Tonight are plans that wait or are under way.
func (v overviewView) Tonight() (all []planLine) {
	for _, p := range v.Plans {
		if p.Status == removal.PlanPlanned || p.Status == removal.PlanApproved || p.Status == removal.PlanRunning {
			all = append(all, planLine{p, strings.TrimSpace(p.Text(func(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") + " UTC" }))})
		}
	}
	return all
}

// planLine is a plan with where it stands, in words.
type planLine struct {
	insight.PlanFacts
	Words string
}
