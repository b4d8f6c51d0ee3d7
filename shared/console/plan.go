package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/act/approve"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/boot/operator"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

func (s *Server) planArea() area {
	return area{
		pages: map[string]page{
			"plans":    {"/plans/{$}", "Plans", s.plans},
			"plan":     {"/plans/{id}", "", s.plan},
			"progress": {"/plans/{id}/progress", "", s.progress},
		},
		actions: map[string]action{
			"/plans/{id}/approve":  s.approvePlan,
			"/plans/{id}/withdraw": s.withdrawPlan,
			"/plans/halt":          func(r *http.Request) (string, string, error) { return s.halt(r, true) },
			"/plans/resume":        func(r *http.Request) (string, string, error) { return s.halt(r, false) },
		},
		raw: map[string]http.HandlerFunc{"GET /plans": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/plans/", http.StatusMovedPermanently)
		}},
		said: []string{
			"planned", "approved", "withdrawn", "refused", "running", "ended", "expired",
			"held", "keep rule", "young", "doubt", "needed", "grace", "in quota", "unreadable", "leaving",
		},
	}
}

// perPage is how many rows a page of a list has.
const perPage = 50

// pager is where in a list a page is.
type pager struct {
	From, To, Of int // rows From+1 to To
	Before, Next string
}

// pagerOf reads the number of the page; what is no number is the first.
func pagerOf(r *http.Request, of int) pager {
	n, _ := strconv.Atoi(r.URL.Query().Get("page"))
	n = min(max(n, 1), max(1, (of+perPage-1)/perPage))
	p := pager{From: (n - 1) * perPage, To: min(n*perPage, of), Of: of}
	at := func(n int) string {
		q := r.URL.Query()
		q.Del("note")
		q.Set("page", strconv.Itoa(n))
		return r.URL.Path + "?" + q.Encode()
	}
	if n > 1 {
		p.Before = at(n - 1)
	}
	if p.To < of {
		p.Next = at(n + 1)
	}
	return p
}

// planRow is a plan in the list.
type planRow struct {
	insight.PlanFacts
	Media   int
	Unknown int
	Problem string
	Stands  string
}

// halting is whether removal is halted, for the pages and their forms.
type halting struct {
	removal.Halt
	Problem string
	Back    string // the page that the forms come back to
	Want    string // what a person types to resume
}

func (s *Server) halting(r *http.Request) halting {
	h := halting{Back: r.URL.Path, Want: s.App.Scope.Region + " " + s.App.Scope.Account}
	var err error
	if h.Halt, err = removal.HaltState(r.Context(), s.App.State); err != nil {
		h.Problem = err.Error()
	}
	return h
}

type planList struct {
	Absent  bool // STATE holds nothing: nothing has run yet, or it is mistyped
	State   string
	Halt    halting
	Pager   pager
	Plans   []planRow
	Problem string
}

// stateless says that STATE is not there, or holds nothing: it is then not opened.
func (s *Server) stateless(ctx context.Context) (bool, error) {
	if s.App.State == nil || insight.Absent(s.App) {
		return true, nil
	}
	return state.Empty(ctx, s.App.State)
}

// plans lists the plans of this scope, the newest first.
func (s *Server) plans(r *http.Request) (any, error) {
	ctx := r.Context()
	l := planList{State: s.App.Config.State}
	var err error
	if l.Absent, err = s.stateless(ctx); err != nil || l.Absent {
		l.Absent, l.Problem = true, text(err)
		return l, nil
	}
	l.Halt = s.halting(r)
	at, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for id, err := range removal.Plans(ctx, s.App.State, time.Time{}) {
		if err != nil {
			l.Problem = err.Error()
			break
		}
		ids = append(ids, id)
	}
	slices.Reverse(ids)
	l.Pager = pagerOf(r, len(ids))
	for _, id := range ids[l.Pager.From:l.Pager.To] {
		l.Plans = append(l.Plans, s.planRow(ctx, id, at))
	}
	return l, nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (s *Server) planRow(ctx context.Context, id string, at time.Time) planRow {
	row := planRow{}
	row.ID = id
	p, err := removal.ReadPlan(ctx, s.App.State, id)
	if err == nil {
		row.Media, row.Unknown = p.Media, p.Unknown
		row.PlanFacts, err = insight.PlanFactsOf(ctx, s.App.State, p, at)
		row.Stands = row.Text(moment)
	}
	if row.Problem = text(err); errors.Is(err, state.ErrCorrupt) {
		row.Problem = "corrupt: plans/" + id + ".json; restore it from a copy"
	}
	return row
}

func moment(at time.Time) string { return at.UTC().Format(report.Moment) }

// planCache keeps what was read of the last plans that somebody looked at: plans never
// change. One that could not be read whole is read again.
type planCache struct {
	mu      sync.Mutex
	order   []string
	indexes map[string]insight.PlanIndex
	changes map[string][]insight.PlanChange
}

// mostPlans bounds what is kept.
const mostPlans = 8

func (c *planCache) index(ctx context.Context, o state.Objects, p removal.Plan) (insight.PlanIndex, error) {
	c.mu.Lock()
	x, ok := c.indexes[p.Hash]
	c.mu.Unlock()
	if ok {
		return x, nil
	}
	x, err := insight.IndexOf(ctx, o, p)
	if err == nil {
		c.keep(p.Hash, func() { c.indexes[p.Hash] = x })
	}
	return x, err
}

func (c *planCache) changed(ctx context.Context, o state.Objects, before, p removal.Plan) ([]insight.PlanChange, error) {
	key := before.Hash + p.Hash
	c.mu.Lock()
	all, ok := c.changes[key]
	c.mu.Unlock()
	if ok {
		return all, nil
	}
	all, err := insight.PlanChanges(ctx, o, before, p)
	if err == nil {
		c.keep(key, func() { c.changes[key] = all })
	}
	return all, err
}

// keep puts something in and drops the oldest.
func (c *planCache) keep(key string, put func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.indexes == nil {
		c.indexes, c.changes = map[string]insight.PlanIndex{}, map[string][]insight.PlanChange{}
	}
	if put(); !slices.Contains(c.order, key) {
		c.order = append(c.order, key)
	}
	if len(c.order) > 2*mostPlans {
		delete(c.indexes, c.order[0])
		delete(c.changes, c.order[0])
		c.order = c.order[1:]
	}
}

// planView is the page of one plan.
type planView struct {
	removal.Plan
	Halt     halting
	Lost     string // why its list cannot be read whole
	Tiles    []tile
	Rest     int // groups that are too small for the map, or of unknown size
	Groups   []insight.PlanGroup
	Filter   insight.PlanFilter
	Category string // of the form: "" takes all, "=" and the name one
	Choices  []string
	Pager    pager
	Items    []insight.PlanItem
	ItemsErr string
	Before   removal.Plan
	Changes  []insight.PlanChange
	Versus   string // why nothing is compared
	Quota    int
	Asked    askedFor
	Progress progressView
}

// askedFor is what the form asks for before the plan is approved.
type askedFor struct {
	Closed        string // why it cannot be approved now
	Warning, Want string
	Fits          int // so many of the first items are within the guards; 0: all are
}

// tile is a group in the tree map, in the units of its view box.
type tile struct {
	box
	insight.PlanGroup
	Colour  int
	Label   bool // there is room for one
	Letters int  // that fit into it
}

// The view box of the tree map, and the most groups that it shows.
const (
	mapWidth, mapHeight = 1000.0, 360.0
	mostTiles           = 60
)

func tilesOf(groups []insight.PlanGroup) (tiles []tile, rest int) {
	rules := map[string]int{}
	for _, g := range groups {
		if g.Bytes <= 0 || len(tiles) == mostTiles {
			rest++
			continue
		}
		if _, ok := rules[g.Rule]; !ok {
			rules[g.Rule] = len(rules) % 6
		}
		tiles = append(tiles, tile{PlanGroup: g, Colour: rules[g.Rule]})
	}
	sizes := make([]float64, len(tiles))
	for i, t := range tiles {
		sizes[i] = float64(t.Bytes)
	}
	for i, b := range squarify(sizes, box{0, 0, mapWidth, mapHeight}) {
		tiles[i].box, tiles[i].Label, tiles[i].Letters = b, b.W > 120 && b.H > 60, int(b.W/14)
	}
	return tiles, rest
}

// readPlan reads the plan of an address, of this environment's scope.
func (s *Server) readPlan(r *http.Request) (removal.Plan, error) {
	id := r.PathValue("id")
	if absent, err := s.stateless(r.Context()); err != nil || absent {
		return removal.Plan{}, cmp.Or(err, fmt.Errorf("there is no plan %q: %w", id, errNotFound))
	}
	p, err := removal.ReadPlan(r.Context(), s.App.State, id)
	if errors.Is(err, video.ErrNotFound) || errors.Is(err, video.ErrInvalid) {
		return p, fmt.Errorf("there is no plan %q: %w", id, errNotFound)
	}
	if errors.Is(err, state.ErrCorrupt) {
		return p, fmt.Errorf("plan %s is corrupt: restore plans/%s.json from a copy: %w", id, id, err)
	}
	return p, err
}

func (s *Server) plan(r *http.Request) (any, error) {
	ctx, o := r.Context(), s.App.State
	p, err := s.readPlan(r)
	if err != nil {
		return nil, err
	}
	at, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	v := planView{Plan: p, Halt: s.halting(r)}
	v.Progress = s.progressOf(ctx, p, at)
	x, err := s.looked.index(ctx, o, p)
	v.Lost, v.Groups = text(err), x.Groups
	v.Tiles, v.Rest = tilesOf(x.Groups)
	v.items(r, o, x)
	s.compare(ctx, &v)
	s.ask(ctx, &v, at)
	return v, nil
}

// items reads the page of items that the filter takes.
func (v *planView) items(r *http.Request, o state.Objects, x insight.PlanIndex) {
	q := r.URL.Query()
	v.Category, v.Choices = q.Get("category"), x.Categories()
	v.Filter.Rule = q.Get("rule")
	v.Filter.Category, v.Filter.InCategory = strings.CutPrefix(v.Category, "=")
	v.Pager = pagerOf(r, x.Count(v.Filter))
	items, err := x.Page(r.Context(), o, v.Plan, v.Filter, v.Pager.From, perPage)
	v.Items, v.ItemsErr = items, text(err)
}

// RuleNames are the rules of the plan.
func (v planView) RuleNames() (all []string) {
	for _, r := range v.Rules {
		if !slices.Contains(all, r.Rule) {
			all = append(all, r.Rule)
		}
	}
	return all
}

// GroupLink shows the items of a group.
func (v planView) GroupLink(g insight.PlanGroup) string {
	return "/plans/" + v.ID + "?" + url.Values{"rule": {g.Rule}, "category": {"=" + g.Category}}.Encode() + "#items"
}

// compare finds the plan before of the same scope and duty.
func (s *Server) compare(ctx context.Context, v *planView) {
	var ids []string
	for id, err := range removal.Plans(ctx, s.App.State, v.Created.Add(-insight.PlansShown)) {
		if err != nil {
			v.Versus = err.Error()
			return
		}
		if id < v.ID {
			ids = append(ids, id)
		}
	}
	for _, id := range slices.Backward(ids) {
		p, err := removal.ReadPlan(ctx, s.App.State, id)
		if err == nil && (p.Scope != v.Scope || p.Duty != v.Duty) {
			continue
		}
		if err == nil {
			v.Before = p
			v.Changes, err = s.looked.changed(ctx, s.App.State, p, v.Plan)
		}
		v.Versus = text(err)
		return
	}
}

// ask fills in what the form of the approval needs. The list was read for the index already.
func (s *Server) ask(ctx context.Context, v *planView, at time.Time) {
	v.Asked.Warning, v.Asked.Want = approve.Before(v.Plan)
	policy, file, err := s.open(ctx, v.Plan, at)
	v.Quota = approve.Quota(file, v.Plan)
	switch {
	case err != nil:
		v.Asked.Closed = text(err)
	case v.Lost != "":
		v.Asked.Closed = v.Lost
	case len(v.Over) == 0:
		v.Asked.Closed = text(approve.Allowed(policy, v.Plan, approve.Portion{Totals: v.Totals}, at))
	default:
		part, err := approve.PortionOf(ctx, s.App.State, policy, v.Plan, 0)
		if err == nil {
			err = approve.Allowed(policy, v.Plan, part, at)
		}
		if v.Asked.Fits = part.Fits; !errors.Is(err, approve.ErrOver) || part.Fits == 0 {
			v.Asked.Closed = text(err)
		}
	}
}

// open gives the policy of a plan that a person may approve now, or why nobody may.
func (s *Server) open(ctx context.Context, p removal.Plan, at time.Time) (policy, file *retention.Policy, err error) {
	scope := s.App.Scope
	scope.Account = cmp.Or(scope.Account, p.Account) // the credentials' is asked when it is approved
	if err := approve.Mine(p, scope); err != nil {
		return nil, nil, err
	}
	ready, err := approve.Open(ctx, s.App.State, p, at)
	if err != nil {
		return nil, nil, err
	}
	if !ready {
		f, err := insight.PlanFactsOf(ctx, s.App.State, p, at)
		return nil, nil, errors.Join(err, approve.NotOpen(p, f.Text(moment)))
	}
	if file, err = night.Policy(ctx, s.App); err != nil {
		return nil, nil, err
	}
	return file.For(p.Duty), file, nil
}

// progressView is how far a plan is, and what came of its items.
type progressView struct {
	removal.Plan
	Facts   insight.PlanFacts
	Stands  string
	Ledger  insight.PlanLedger
	Pager   pager
	Rows    []removal.Row
	Problem string
	Of      int // items that it is about: all, or those that were approved
}

func (s *Server) progress(r *http.Request) (any, error) {
	p, err := s.readPlan(r)
	if err != nil {
		return nil, err
	}
	at, err := s.now(r.Context())
	if err != nil {
		return nil, err
	}
	v := s.progressOf(r.Context(), p, at)
	v.Pager = pagerOf(r, len(v.Ledger.Rows))
	v.Rows = v.Ledger.Rows[v.Pager.From:v.Pager.To]
	return v, nil
}

func (s *Server) progressOf(ctx context.Context, p removal.Plan, at time.Time) (v progressView) {
	var failed error
	v.Plan = p
	v.Facts, failed = insight.PlanFactsOf(ctx, s.App.State, p, at)
	v.Stands, v.Of, v.Problem = v.Facts.Text(moment), cmp.Or(v.Facts.First, p.Items), text(failed)
	if v.Ledger, failed = insight.LedgerOf(ctx, s.App.State, p.ID); failed != nil {
		v.Problem = text(failed)
	}
	return v
}

// decided is what every form that decides on a plan begins with: the plan that the person
// looked at, and who they are.
func (s *Server) decided(r *http.Request, stops bool) (p removal.Plan, who operator.Operator, at time.Time, err error) {
	if p, err = s.readPlan(r); err != nil {
		return p, who, at, err
	}
	if r.PostForm.Get("hash") != p.Hash {
		return p, who, at, fmt.Errorf("plan %s is not the one that this page showed, nothing was changed: look at it again", p.ID)
	}
	if who, err = operator.Of(r.Context(), s.App, stops); err == nil {
		err = approve.Mine(p, who.Scope)
	}
	if err == nil {
		at, err = s.now(r.Context())
	}
	return p, who, at, err
}

func (s *Server) approvePlan(r *http.Request) (next, said string, err error) {
	next = "/plans/" + r.PathValue("id")
	p, who, at, err := s.decided(r, false)
	if err != nil {
		return next, "", err
	}
	first := 0
	if text := strings.TrimSpace(r.PostForm.Get("first")); text != "" {
		if first, err = strconv.Atoi(text); err != nil || first < 1 {
			return next, "", fmt.Errorf("%q is no number of items, nothing was changed: name 1 item or more", text)
		}
	}
	policy, _, err := s.open(r.Context(), p, at)
	if err != nil {
		return next, "", err
	}
	part, err := approve.PortionOf(r.Context(), s.App.State, policy, p, first)
	if err == nil {
		err = approve.Allowed(policy, p, part, at)
	}
	if err == nil {
		_, want := approve.Before(p)
		err = typedAs(r, want)
	}
	if err != nil {
		return next, "", err
	}
	given, err := approve.Give(r.Context(), s.App.State, p, who.Name, operator.Remark(r.PostForm.Get("by"), r.PostForm.Get("note")), first, at)
	if err != nil {
		return next, "", err
	}
	return next, fmt.Sprintf("Plan %s is approved by %s. Halt stops it.", p.ID, given.By) + doubt(who), nil
}

// typedAs is nil when the person typed what must not be overlooked.
func typedAs(r *http.Request, want string) error {
	if got := strings.TrimSpace(r.PostForm.Get("typed")); got != want {
		return fmt.Errorf("%q was typed and not %q, nothing was changed", got, want)
	}
	return nil
}

func doubt(who operator.Operator) string {
	if who.Doubt == nil {
		return ""
	}
	return " " + who.Doubt.Error()
}

func (s *Server) withdrawPlan(r *http.Request) (next, said string, err error) {
	next = "/plans/" + r.PathValue("id")
	p, who, at, err := s.decided(r, true)
	if err != nil {
		return next, "", err
	}
	f, err := insight.PlanFactsOf(r.Context(), s.App.State, p, at)
	if err != nil {
		return next, "", err
	}
	if f.Status == removal.PlanWithdrawn {
		return next, "", fmt.Errorf("plan %s was %s; nothing was changed", p.ID, f.Text(moment))
	}
	note := operator.Remark(r.PostForm.Get("by"), r.PostForm.Get("note"))
	w, err := approve.Withdraw(r.Context(), s.App.State, p, who.Name, note, f.Text(moment), at)
	if err != nil {
		return next, "", err
	}
	return next, fmt.Sprintf("Plan %s is withdrawn by %s. A run under way goes on; halt stops it.", p.ID, w.By) + doubt(who), nil
}

// halt halts or resumes removal and moves. One that is so already is left as it is.
func (s *Server) halt(r *http.Request, halted bool) (next, said string, err error) {
	if next = r.PostForm.Get("back"); !strings.HasPrefix(next, "/plans/") {
		next = "/plans/"
	}
	ctx := r.Context()
	if absent, err := s.stateless(ctx); err != nil || absent {
		return next, "", cmp.Or(err, fmt.Errorf("%s holds nothing: no function reads a halt there", s.App.Config.State))
	}
	who, err := operator.Of(ctx, s.App, halted)
	if err != nil {
		return next, "", err
	}
	if !halted {
		if err := typedAs(r, who.Scope.Region+" "+who.Scope.Account); err != nil {
			return next, "", err
		}
	}
	at, err := s.now(ctx)
	if err != nil && !halted {
		return next, "", err
	}
	if err != nil { // whoever halts is in a hurry: the moment is only told
		at = time.Now()
	}
	if there, err := removal.HaltState(ctx, s.App.State); err == nil && there.Halted == halted {
		return next, map[bool]string{true: "Removal is halted already, by " + there.By + ".", false: "Removal is not halted."}[halted], nil
	}
	note := operator.Remark(r.PostForm.Get("by"), r.PostForm.Get("note"))
	if err := removal.SetHalt(ctx, s.App.State, removal.Halt{Halted: halted, By: who.Name, At: at, Reason: note}); err != nil {
		return next, "", err
	}
	if halted {
		return next, "Removal is halted, and so are moves: at most the batch under way (20 videos) still leaves or moves." + doubt(who), nil
	}
	return next, "Removal may go on at the next tick of purge, and moves at that of tier." + doubt(who), nil
}

// isMove says that the plan moves and removes nothing.
func (v planView) IsMove() bool { return v.Duty == retention.Moving }

// Doubts are the nearest of what stays since a fact is missing.
func (v planView) Doubts() (all []retention.Keep) {
	for _, k := range v.Near {
		if k.Why == retention.Doubt || len(k.Missing) > 0 {
			all = append(all, k)
		}
	}
	return all
}

// Doubtful says that there is something to look at before anything else.
func (v planView) Doubtful() bool {
	return v.Lost != "" || len(v.Over)+len(v.Warnings)+len(v.Odd)+len(v.Doubts())+v.Unknown+v.Library.Unread+v.Quota+v.Unreadable() > 0
}

// First is the number of the first row, from 1.
func (p pager) First() int { return min(p.From+1, p.Of) }

// Over is how many items have their last word.
func (v progressView) Over() int { return v.Ledger.Done.Items + v.Ledger.Skipped.Items }

// Left is how many items no run has come to.
func (v progressView) Left() int { return max(0, v.Of-v.Over()-v.Ledger.Open) }

// Reasons are the most frequent of why items stay.
func (v progressView) Reasons() []insight.LedgerReason {
	return v.Ledger.Reasons[:min(len(v.Ledger.Reasons), perPage)]
}
