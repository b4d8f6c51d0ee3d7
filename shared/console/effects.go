package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"vodcurator/shared/act/tag"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/insight"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// mostAssets is how many assets the workbench keeps in memory, a few kB each.
const mostAssets = 100_000

// bench is the library that texts are tried on, and what the current ones make of it. One
// evaluation runs at a time. The zero value is ready.
type bench struct {
	turn sync.Mutex // of who evaluates

	mu      sync.Mutex
	held    *held
	reading bool
	seen    int
	fault   error
	kept    map[string][]byte // pictures by name

	// What the current texts came to, for whoever has the turn.
	rules  rulesBase
	policy policyBase
	nights policyBase
}

// held is a library with its facts.
type held struct {
	snapshot *insight.Snapshot
	Name     string    // of the file; empty: the account's
	At       time.Time // for which facts are computed
	Seen     int       // assets read; of a file all
	Kept     int
	More     bool // there are more than are kept
	subjects []subject
}

// subject is an asset that rules are run over.
type subject struct {
	hit    tag.Hit
	facts  rule.Facts
	memory tagging.Memory
}

// sample gives what is held, and begins to read where nothing is.
func (s *Server) sample(ctx context.Context) (h *held, seen int, err error) {
	b := &s.bench
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held == nil && !b.reading && b.fault == nil {
		b.reading, b.seen = true, 0
		ctx = s.lasting(ctx) // whoever asked may be gone before an account is read
		s.background.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			h, err := s.read(ctx)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.held, b.fault, b.reading = h, err, false
		})
	}
	return b.held, b.seen, b.fault
}

// readAgain forgets the library.
func (b *bench) readAgain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held, b.fault = nil, nil
}

// read reads the library and computes its facts.
func (s *Server) read(ctx context.Context) (*held, error) {
	at, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	h := &held{snapshot: insight.NewSnapshot(), Name: s.Library, At: at}
	reader := insight.Reader{Library: s.App.VOD, Images: true, LeftOut: func(video.ID, error) {}}
	lines := reader.Lines(ctx, insight.Scanned{})
	if s.Library != "" {
		f, err := os.Open(s.Library)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		lines = insight.WholeLines(io.Reader(f), func(insight.SnapshotHead) {})
	}
	for l, err := range lines {
		switch {
		case err != nil:
			return nil, err
		case l.Tree == nil && h.Kept == mostAssets:
			h.More = true
			h.Seen++
		default:
			h.snapshot.Add(l)
			h.Kept = h.snapshot.Len()
			h.Seen = h.Kept
		}
		if h.More && s.Library == "" { // the rest would be read for nothing
			tree, err := s.App.VOD.Categories(ctx)
			if err != nil {
				return nil, err
			}
			h.snapshot.Add(insight.Line{Tree: &tree})
			break
		}
		s.bench.mu.Lock()
		s.bench.seen = h.Seen
		s.bench.mu.Unlock()
	}
	return h, h.prepare(ctx, s.App)
}

// prepare computes the facts of what vodctl retag would look at.
func (h *held) prepare(ctx context.Context, app *boot.App) error {
	memory := insight.Remembered(app)
	const size = 1000
	var targets []tag.Target
	from := 0
	flush := func() error {
		if memory == nil || len(targets) == 0 {
			return nil
		}
		all, err := memory(ctx, targets)
		for i := range all {
			h.subjects[from+i].memory = all[i]
		}
		from, targets = len(h.subjects), targets[:0]
		return err
	}
	for _, kind := range []video.Kind{video.KindVideo, video.KindImage} {
		for hit, err := range tag.Hits(ctx, h.snapshot, video.Query{Kind: kind, CreatedTo: h.At, OldestFirst: true}) {
			if err != nil {
				return err
			}
			one := subject{hit: hit}
			if kind == video.KindImage {
				image, err := h.snapshot.Image(ctx, hit.ID)
				if err != nil {
					return err
				}
				one.facts = rule.FactsOfImage(image, h.At)
			} else {
				answers, err := h.snapshot.Media(ctx, []video.ID{hit.ID})
				if err != nil || answers[0].Err != nil {
					return errors.Join(err, answers[0].Err)
				}
				m := answers[0].Value
				m.Origin = cmp.Or(m.Origin, hit.Origin)
				one.facts = rule.FactsOf(m, h.At)
			}
			h.subjects, targets = append(h.subjects, one), append(targets, hit.Target)
			if len(targets) == size {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

// weigh runs rules over all assets, as many at a time as there are processors, and gives
// what came of them in their order.
func (h *held) weigh(ctx context.Context, rules *tagging.Rules, reach tagging.Reach, done func(from int, results []tag.Result)) error {
	const size = 500
	t := tag.Tagger{Rules: rules, Reach: reach}
	queue := make(chan chan []tag.Result, runtime.GOMAXPROCS(0))
	go func() {
		defer close(queue)
		for some := range slices.Chunk(h.subjects, size) {
			if ctx.Err() != nil {
				return
			}
			came := make(chan []tag.Result, 1)
			queue <- came
			go func() {
				results := make([]tag.Result, len(some))
				for i := range some {
					results[i] = t.Weigh(some[i].hit.Target, &some[i].facts, some[i].memory, h.At)
				}
				came <- results
			}()
		}
	}()
	from := 0
	for came := range queue {
		results := <-came
		done(from, results)
		from += len(results)
	}
	return ctx.Err()
}

// outcome is what rules make of one asset.
type outcome struct{ matched, tags []string }

func outcomeOf(r tag.Result, s *subject) outcome {
	o := outcome{r.Decision.Matched, s.facts.Tags}
	if !r.Decision.Change.Tags.Empty() {
		o.tags = r.Decision.Change.Tags.Apply(s.facts.Tags)
	}
	return o
}

// rulesBase is what the current rules make of each asset.
type rulesBase struct {
	of       *held
	version  string
	names    []string
	outcomes []outcome
}

// Example is an asset to look at.
type Example struct {
	ID    video.ID `json:"id"`
	Title string   `json:"title"`
}

// Shift is a rule or a tag under a draft beside the current text.
type Shift struct {
	Name    string    `json:"name"`
	New     bool      `json:"new,omitempty"`     // only the draft has it
	Dropped bool      `json:"dropped,omitempty"` // only the current text has it
	Holds   int       `json:"holds"`             // assets under the draft
	Changes int       `json:"changes"`           // assets that the draft would write; of rules
	Gained  int       `json:"gained"`            // assets that only the draft gives it
	Lost    int       `json:"lost"`              // assets that only the current text gives it
	Gains   []Example `json:"gains,omitempty"`
	Losses  []Example `json:"losses,omitempty"`
}

const mostExamples = 5

func (s *Shift) note(gained bool, h tag.Hit) {
	n, list := &s.Lost, &s.Losses
	if gained {
		n, list = &s.Gained, &s.Gains
	}
	if *n++; len(*list) < mostExamples {
		*list = append(*list, Example{h.ID, h.Title})
	}
}

// RuleEffects are what a draft of rules would do.
type RuleEffects struct {
	// Diff is what vodctl retag --kind all says of the draft on this library.
	Diff   *tag.Diff `json:"diff"`
	Rules  []*Shift  `json:"rules"`
	Tags   []*Shift  `json:"tags"`   // those that some asset gains or loses
	Differ int       `json:"differ"` // assets whose rules or tags differ from the current text's
}

// shifts are by name, in the order in which they came up.
type shifts struct {
	all  []*Shift
	have map[string]*Shift
}

func (s *shifts) of(name string) *Shift {
	one, ok := s.have[name]
	if !ok {
		if s.have == nil {
			s.have = map[string]*Shift{}
		}
		one = &Shift{Name: name}
		s.have[name], s.all = one, append(s.all, one)
	}
	return one
}

// compare notes what one list has and the other has not, and says whether they differ.
func (s *shifts) compare(before, after []string, h tag.Hit) (differ bool) {
	for _, name := range after {
		if !slices.Contains(before, name) {
			s.of(name).note(true, h)
			differ = true
		}
	}
	for _, name := range before {
		if !slices.Contains(after, name) {
			s.of(name).note(false, h)
			differ = true
		}
	}
	return differ
}

// base evaluates the current rules, once for a library.
func (b *rulesBase) base(ctx context.Context, h *held, rules *tagging.Rules, reach tagging.Reach) error {
	if b.of == h && b.version == rules.Version {
		return nil
	}
	outcomes := make([]outcome, 0, len(h.subjects))
	err := h.weigh(ctx, rules, reach, func(from int, results []tag.Result) {
		for i, r := range results {
			outcomes = append(outcomes, outcomeOf(r, &h.subjects[from+i]))
		}
	})
	if err == nil {
		*b = rulesBase{h, rules.Version, rules.Names(), outcomes}
	}
	return err
}

// effects evaluates a draft once and sets it beside the current rules.
func (b *rulesBase) effects(ctx context.Context, h *held, draft *tagging.Rules, reach tagging.Reach) (RuleEffects, error) {
	e := RuleEffects{Diff: tag.NewDiff(draft)}
	var rules, tags shifts
	for _, name := range draft.Names() {
		rules.of(name).New = !slices.Contains(b.names, name)
	}
	for _, name := range b.names {
		if _, kept := rules.have[name]; !kept {
			rules.of(name).Dropped = true
		}
	}
	err := h.weigh(ctx, draft, reach, func(from int, results []tag.Result) {
		hits := make([]tag.Hit, len(results))
		for i, r := range results {
			one := &h.subjects[from+i]
			hits[i] = one.hit
			before, after := b.outcomes[from+i], outcomeOf(r, one)
			differ := rules.compare(before.matched, after.matched, one.hit)
			if tags.compare(before.tags, after.tags, one.hit) || differ {
				e.Differ++
			}
		}
		e.Diff.Add(tag.Step{Hits: hits, Results: results})
	})
	for _, d := range e.Diff.Rules {
		if d.Rule != "" {
			rules.of(d.Rule).Holds, rules.of(d.Rule).Changes = d.Matched, d.Changes
		}
	}
	e.Rules, e.Tags = rules.all, tags.all
	slices.SortFunc(e.Tags, func(a, b *Shift) int {
		return cmp.Or(cmp.Compare(b.Gained+b.Lost, a.Gained+a.Lost), cmp.Compare(a.Name, b.Name))
	})
	return e, err
}

// policyBase is what the current policy takes.
type policyBase struct {
	of     *held
	hash   string
	nights []insight.Night
	items  []retention.Item
}

// PolicyEffects are what a draft of a policy would do.
type PolicyEffects struct {
	Current, Draft insight.NightLine
	Money          [2]retention.Money // of both
	Currency       string
	Rules          []*PolicyShift
}

// PolicyShift is what a rule takes more and less under the draft.
type PolicyShift struct {
	Rule           string
	Gained, Lost   Amount
	Gains, Losses  []insight.Differing
	gained, losing map[video.ID]bool
}

// Amount is how much of the library something is about.
type Amount struct {
	Items, Assets int
	Bytes         int64
	Unknown       int // items of unknown size, which the bytes leave out
}

func (p *PolicyShift) note(d insight.Differing) {
	n, list, seen := &p.Lost, &p.Losses, p.losing
	if d.Sign == "+" {
		n, list, seen = &p.Gained, &p.Gains, p.gained
	}
	n.Items++
	if d.Bytes < 0 {
		n.Unknown++
	} else {
		n.Bytes += d.Bytes
	}
	if !seen[d.ID] {
		seen[d.ID] = true
		n.Assets++
	}
	if len(*list) < mostExamples {
		*list = append(*list, d)
	}
}

// simulate plans so many nights on the library.
func (s *Server) simulate(ctx context.Context, h *held, p *retention.Policy, nights int) ([]insight.Night, []retention.Item, error) {
	scope := video.Scope{Region: cmp.Or(s.App.Scope.Region, "cn-shanghai"), Account: cmp.Or(s.App.Scope.Account, "library")}
	return insight.WhatIf(ctx, insight.Simulation{Library: h.snapshot, Policy: p, Scope: scope, From: h.At, Nights: nights, Inputs: s.input}, insight.Options{})
}

// input reads the hold list and the usage file of a policy.
func (s *Server) input(ctx context.Context, key string) ([]byte, error) {
	if s.App.State == nil {
		return nil, fmt.Errorf("%w: %s lies under STATE, which is not set", video.ErrNotFound, key)
	}
	return s.App.State.Read(ctx, key)
}

func (s *Server) policyBase(ctx context.Context, b *policyBase, h *held, p *retention.Policy, nights int) error {
	if b.of == h && b.hash == p.Hash {
		return nil
	}
	all, items, err := s.simulate(ctx, h, p, nights)
	if err == nil {
		*b = policyBase{h, p.Hash, all, items}
	}
	return err
}

func (s *Server) policyEffects(ctx context.Context, h *held, draft *retention.Policy) (PolicyEffects, error) {
	nights, items, err := s.simulate(ctx, h, draft, 1)
	if err != nil {
		return PolicyEffects{}, err
	}
	b := &s.bench.policy
	e := PolicyEffects{
		Current: b.nights[0].Line(), Draft: nights[0].Line(), Currency: draft.Prices.Currency,
		Money: [2]retention.Money{b.nights[0].Money(), nights[0].Money()},
	}
	by := map[string]*PolicyShift{}
	for _, d := range insight.Difference(b.items, items) {
		if by[d.Rule] == nil {
			by[d.Rule] = &PolicyShift{Rule: d.Rule, gained: map[video.ID]bool{}, losing: map[video.ID]bool{}}
			e.Rules = append(e.Rules, by[d.Rule])
		}
		by[d.Rule].note(d)
	}
	return e, nil
}

// tryOut evaluates a checked text on the library.
func (s *Server) tryOut(ctx context.Context, of state.Texts, c insight.Checked, f *tried) {
	h, seen, err := s.sample(ctx)
	f.Library, f.Reading = h, h == nil && err == nil
	if f.Seen = seen; err != nil {
		f.LibraryFault = err.Error()
	}
	if h == nil || len(c.Faults) > 0 {
		return
	}
	s.bench.turn.Lock()
	defer s.bench.turn.Unlock()
	if err = ctx.Err(); err == nil {
		err = s.evaluate(ctx, of, c, h, f)
	}
	if err != nil {
		f.EffectFault = err.Error()
	}
}

func (s *Server) evaluate(ctx context.Context, of state.Texts, c insight.Checked, h *held, f *tried) error {
	current := insight.CurrentText(ctx, s.App, of)
	if current.Err != nil {
		return fmt.Errorf("the current text cannot be read, so there is nothing to compare with: %w", current.Err)
	}
	name := cmp.Or(current.Name, "default.yaml")
	if of == state.RulesText {
		rules, err := tagging.Parse(name, current.Text)
		if err == nil {
			err = s.bench.rules.base(ctx, h, rules, s.App.Reach())
		}
		if err != nil {
			return fmt.Errorf("the current rules: %w", err)
		}
		e, err := s.bench.rules.effects(ctx, h, c.Rules, s.App.Reach())
		f.Rules = &e
		return err
	}
	policy, err := retention.Parse(name, current.Text)
	if err == nil {
		err = s.policyBase(ctx, &s.bench.policy, h, policy, 1)
	}
	if err != nil {
		return fmt.Errorf("the current policy: %w", err)
	}
	e, err := s.policyEffects(ctx, h, c.Policy)
	f.Policy = &e
	return err
}
