package tag

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/video"
)

// Hit is one media to look at in a backfill. Position resumes behind it.
type Hit struct {
	Target
	Title    string
	Created  time.Time
	Position string
}

// Hits are the media that a query selects, without uploads that still run.
func Hits(ctx context.Context, library Searcher, q video.Query) iter.Seq2[Hit, error] {
	return func(yield func(Hit, error) bool) {
		for found, err := range library.Search(ctx, q) {
			if err != nil {
				yield(Hit{}, err)
				return
			}
			v := found.Video
			hit := Hit{Target{ID: v.ID, Kind: q.Kind, Origin: v.Origin}, v.Title, v.Created, found.Position}
			if i := found.Image; q.Kind == video.KindImage {
				hit = Hit{Target{ID: i.ID, Kind: q.Kind}, i.Title, i.Created, found.Position}
			} else if v.Status == video.StatusUploading || v.Status == video.StatusUploadFailed {
				continue
			}
			if !yield(hit, nil) {
				return
			}
		}
	}
}

// Step is a part of a backfill that is done, with all before it.
type Step struct {
	Hits    []Hit
	Results []Result
}

// workers keep the next chunks under way while one waits for its answer, so that
// the client's rate and not the distance to the provider sets the pace.
const workers = 4

// Backfill runs over hits with flat memory and reports each step in order. It ends
// at the first failure that is not about single media, or when done says so; what
// was reported is done, and the last position reported resumes behind it.
func (t Tagger) Backfill(ctx context.Context, hits iter.Seq2[Hit, error], at time.Time, done func(Step) error) error {
	ctx, cancel := context.WithCancel(ctx)
	b := backfill{todo: make(chan *job), order: make(chan *job, workers)}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for range workers {
		running.Go(func() {
			for j := range b.todo {
				t.do(ctx, j, at)
			}
		})
	}
	running.Go(func() { b.feed(ctx, hits) })
	for j := range b.order {
		select {
		case <-j.done:
		case <-ctx.Done():
			return errors.Join(video.ErrDeferred, context.Cause(ctx))
		}
		if j.err != nil {
			return j.err
		}
		if err := done(j.step); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// job is a step that is to be done, or the failure of the search in its place.
type job struct {
	step Step
	err  error
	done chan struct{}
}

func newJob() *job { return &job{done: make(chan struct{})} }

func (t Tagger) do(ctx context.Context, j *job, at time.Time) {
	defer close(j.done)
	targets := make([]Target, len(j.step.Hits))
	for i, hit := range j.step.Hits {
		targets[i] = hit.Target
	}
	j.step.Results, j.err = t.Run(ctx, targets, at)
}

// backfill hands jobs to the workers, and in their order to whoever waits for them.
type backfill struct{ todo, order chan *job }

// feed makes jobs of the hits until there are no more, or the context ends.
func (b backfill) feed(ctx context.Context, hits iter.Seq2[Hit, error]) {
	defer close(b.order)
	defer close(b.todo)
	next := newJob()
	for hit, err := range hits {
		if err != nil { // reported after all that was found before it
			failed := newJob()
			failed.err = err
			close(failed.done)
			if len(next.step.Hits) == 0 || hand(ctx, next, b.order, b.todo) {
				hand(ctx, failed, b.order)
			}
			return
		}
		if next.step.Hits = append(next.step.Hits, hit); len(next.step.Hits) == chunk {
			if !hand(ctx, next, b.order, b.todo) {
				return
			}
			next = newJob()
		}
	}
	if len(next.step.Hits) > 0 {
		hand(ctx, next, b.order, b.todo)
	}
}

// hand gives a job to one after the other, and says whether all have it.
func hand(ctx context.Context, j *job, to ...chan *job) bool {
	for _, c := range to {
		select {
		case c <- j:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Diff counts what a backfill changed or would change, rule by rule.
type Diff struct {
	Seen     int                  `json:"seen"`
	Needed   int                  `json:"needed"` // media that are not as the rules want them
	Waiting  int                  `json:"waiting"`
	Dropped  int                  `json:"dropped"`
	Outcomes map[video.Result]int `json:"outcomes"`
	Rules    []RuleDiff           `json:"rules"`
}

// RuleDiff is the part of one rule; the one without a name is what is taken back.
type RuleDiff struct {
	Rule     string    `json:"rule"`
	Matched  int       `json:"matched"`
	Changes  int       `json:"changes"` // media that it changes
	Examples []Example `json:"examples,omitempty"`
}

// Example is one change of one media.
type Example struct {
	ID    video.ID       `json:"id"`
	Title string         `json:"title,omitempty"`
	Wants tagging.Reason `json:"wants"`
}

// maxExamples bounds the examples of each rule, and with them a backfill's memory.
const maxExamples = 10

// NewDiff starts a count with the rules in their order.
func NewDiff(rules *tagging.Rules) *Diff {
	d := &Diff{Outcomes: map[video.Result]int{}}
	for _, name := range append(rules.Names(), "") {
		d.Rules = append(d.Rules, RuleDiff{Rule: name})
	}
	return d
}

// Add counts a step.
func (d *Diff) Add(s Step) {
	place := map[string]int{}
	for i, r := range d.Rules {
		place[r.Rule] = i
	}
	for i, r := range s.Results {
		d.Seen++
		d.Outcomes[r.Outcome.Result]++
		if r.Needed() {
			d.Needed++
		}
		if len(r.Decision.Waiting) > 0 {
			d.Waiting++
		}
		if len(r.Decision.Dropped) > 0 || len(r.Decision.Faults) > 0 {
			d.Dropped++
		}
		for _, name := range r.Decision.Matched {
			d.Rules[place[name]].Matched++
		}
		counted := map[string]bool{}
		for _, reason := range r.Decision.Reasons {
			rd := &d.Rules[place[reason.Rule]]
			if !counted[reason.Rule] {
				counted[reason.Rule] = true
				rd.Changes++
			}
			if len(rd.Examples) < maxExamples {
				rd.Examples = append(rd.Examples, Example{s.Hits[i].ID, s.Hits[i].Title, reason})
			}
		}
	}
}
