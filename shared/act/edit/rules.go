package edit

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"vodcurator/shared/decide/editing"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/video"
)

// Rules is what an Editor needs to let rules decide.
type Rules struct {
	// Read gives the rules; they are asked for once in a batch, which keeps them.
	Read func(ctx context.Context) (*tagging.Rules, error)
	// Media reads videos with their source and streams, as Library.Videos does without.
	Media func(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error)
	// Labels gives what smart tagging saw; nil: labels stay unknown.
	Labels func(ctx context.Context, id video.ID) ([]video.Label, error)
	Reach  tagging.Reach // how far they may go; empty: the whole
	Report bool          // nothing is written on their behalf, or remembered
	// Now is the moment for which they decide; nil: that of this machine. It is never that
	// of an event.
	Now func() time.Time
}

// Retag asks for rules to be run over one asset. It is a hint, and says nothing about it.
type Retag struct {
	ID   video.ID
	Kind video.Kind // image, or anything else for video and audio
	// Labels asks for the labels of smart tagging too, which costs a call: only their own
	// notification says that there are any. Where that call fails it is made again the next time.
	Labels bool
	// Origin is how the asset came in, when a search said so: the reading call does not.
	Origin string
	// Rules is the version of the rules that are meant; empty: whichever there are.
	Rules string
	Asked video.Asked
}

// Item is one thing to do: a change that somebody asks for or, with Retag, rules to be run.
type Item struct {
	Change video.Change
	Retag  *Retag
}

// Result is what came of one item, and for a Retag what the rules decided.
type Result struct {
	video.Outcome
	Decision tagging.Decision
}

// ruling is the rules' part of one asset in a pass.
type ruling struct {
	retag    Retag // all that are asked for in one
	media    *video.Media
	image    *video.Image
	labels   []string
	failed   error // of reading the labels
	decision tagging.Decision
	verdict  editing.Verdict
}

// merge takes another wish for the same asset in.
func (r *ruling) merge(t Retag) {
	r.retag.ID, r.retag.Kind = t.ID, t.Kind
	r.retag.Labels = r.retag.Labels || t.Labels
	if r.retag.Origin == "" {
		r.retag.Origin = t.Origin
	}
}

// facts are those of the asset as people's changes leave it.
func (r *ruling) facts(v editing.Value, now time.Time) rule.Facts {
	var f rule.Facts
	if r.image != nil {
		i := *r.image
		i.Title, i.Description, i.Tags = v.Title, v.Description, v.Tags
		if i.Category != v.Category {
			i.Category, i.CategoryName = v.Category, ""
		}
		f = rule.FactsOfImage(i, now)
	} else {
		m := *r.media
		m.Title, m.Description, m.Cover, m.Tags = v.Title, v.Description, v.Cover, v.Tags
		if m.Category != v.Category {
			m.Category, m.CategoryName = v.Category, ""
		}
		if m.Origin == "" {
			m.Origin = r.retag.Origin
		}
		f = rule.FactsOf(m, now)
	}
	f.ID = string(r.retag.ID)
	if r.labels != nil {
		rule.Labelled(&f, r.labels)
	}
	return f
}

// over is what editing lays over people's changes of an asset: what the rules want, and
// what is to be remembered.
func (p *pass) over(k editing.Key, held reading, was edits.Remembered) func(editing.Asked) editing.Overlay {
	return func(asked editing.Asked) editing.Overlay {
		r := p.rulings[k]
		delete(p.heard, k)
		if r == nil { // people's changes alone
			next := was.Rules.Heard(asked.Accepted)
			p.heard[k] = &next
			return editing.Overlay{Remember: !next.Equal(was.Rules)}
		}
		now := p.now()
		r.decision = tagging.Decision{}
		memory := was.Rules.Seen(held.known.Value.Tags, was.Unsure).Heard(asked.Accepted)
		facts := r.facts(asked.Value, now)
		var next tagging.Memory
		r.decision, next = p.rules.DecideFor(&facts, memory, p.c.Rules.Reach, now)
		next.Labels = r.failed != nil
		d := r.decision
		switch {
		case p.c.Rules.Report:
			r.verdict = editing.Verdict{Result: video.Kept, Reason: "report only: nothing is written"}
			return editing.Overlay{}
		case d.Locked != "":
			r.verdict = editing.Verdict{Result: video.Kept, Reason: d.Locked}
		default:
			r.verdict = editing.Verdict{Result: video.Unchanged}
		}
		if !d.Change.Tags.Empty() {
			next.Wrote = now
		}
		p.heard[k] = &next
		return editing.Overlay{Set: d.Change.Set, Tags: d.Change.Tags, Remember: !next.Equal(was.Rules) || was.Unsure != nil, Unsure: was.Unsure != nil}
	}
}

// judge says what came of running the rules, once the asset is folded.
func (r *ruling) judge(known editing.Known, e editing.Edit) editing.Verdict {
	switch {
	case known.Err != nil:
		return editing.Verdict{Result: video.ResultOf(known.Err), Reason: known.Err.Error(), Err: known.Err}
	case e.Over:
		return editing.Verdict{Result: video.Done, Pending: true}
	}
	v := r.verdict
	v.Pending = !e.Update.Empty() // it holds for the asset as people's changes leave it
	return v
}

// tell logs what the rules wanted and could not do, once.
func (p *pass) tell(ctx context.Context, k editing.Key, was edits.Remembered) {
	r, next := p.rulings[k], p.heard[k]
	if r == nil || next == nil {
		return
	}
	if d := r.decision; next.Told != "" && next.Told != was.Rules.Told {
		p.c.Log.WarnContext(ctx, "rules could not do all they want", slog.String("asset", string(k.ID)), slog.Any("dropped", d.Dropped), slog.Any("faults", d.Faults))
	}
	if r.failed != nil && !was.Rules.Labels {
		p.c.Log.WarnContext(ctx, "labels could not be read; they are asked for again the next time", slog.String("asset", string(k.ID)), slog.Any("error", r.failed))
	}
}

// label reads the labels of those assets of which they are wanted.
func (p *pass) label(ctx context.Context, k editing.Key, r *ruling) {
	if !p.labelled[k] || p.c.Rules.Labels == nil || k.Image {
		return
	}
	labels, err := p.c.Rules.Labels(ctx, k.ID)
	switch {
	case errors.Is(err, video.ErrNotFound): // no result is kept: the rules go on waiting
	case err != nil:
		r.failed = err
	default:
		r.labels = []string{}
		for _, label := range labels {
			if !slices.Contains(r.labels, label.Text) {
				r.labels = append(r.labels, label.Text)
			}
		}
		slices.Sort(r.labels) // so that the same ones fit each time, whatever order they come in
	}
}

func (p *pass) now() time.Time {
	if p.c.Rules.Now != nil {
		return p.c.Rules.Now()
	}
	return time.Now()
}
