// Package tag brings assets in line with the tagging rules: it reads them again,
// lets the rules decide, and writes what differs, straight to the library or by
// way of the metadata queue.
//
// It believes no event: an id is a hint, everything else is read. It decides
// nothing itself, and without a Writer it only tells what it would do.
package tag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/video"
)

// Library is what is read of each media. The batch calls answer one entry for
// each id, in order.
type Library interface {
	Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error)
	Image(ctx context.Context, id video.ID) (video.Image, error)
	Images(ctx context.Context, ids []video.ID) ([]video.Answer[video.Image], error)
}

// Labeller tells what smart tagging saw in a media.
type Labeller interface {
	Labels(ctx context.Context, id video.ID) ([]video.Label, error)
}

// Writer carries out what was decided. It answers one outcome for each, in order;
// the error tells why those that were not tried were not.
type Writer interface {
	Write(ctx context.Context, wanted []Wanted) ([]video.Outcome, error)
}

// Wanted is a change with the tags that the media had when it was decided.
type Wanted struct {
	Target Target
	Change video.Change
	Have   []string
}

// Target is one media to look at.
type Target struct {
	ID   video.ID
	Kind video.Kind // image, or anything else for video and audio
	// Labels asks for the labels of smart tagging too, which costs a call: only
	// their own notification says that there are any.
	Labels bool
	// Origin is how the media came in, when a search said so: the reading call does not.
	Origin string
	Event  string // the kind of notification that led here; of interest to whoever counts
}

// Tagger applies rules to media.
type Tagger struct {
	Library Library
	Labels  Labeller // nil: labels stay unknown
	Rules   *tagging.Rules
	Writer  Writer // nil: report only
	// Memory tells what is remembered of assets, one for each; nil: nothing is. What no
	// rule is known to have given is never taken back.
	Memory func(ctx context.Context, targets []Target) ([]tagging.Memory, error)
	Reach  tagging.Reach // empty: the whole
}

// Result is what was decided for one target, and what came of it.
type Result struct {
	Outcome  video.Outcome
	Decision tagging.Decision
}

// Needed says that the media was not as the rules want it.
func (r Result) Needed() bool { return !r.Decision.Change.Empty() }

// Run looks at the targets as of a moment and writes what differs. It answers one
// result for each target, in order; a media named twice is read and written once.
// The error tells why something was not even tried; the results that it concerns
// carry it too.
func (t Tagger) Run(ctx context.Context, targets []Target, at time.Time) ([]Result, error) {
	merged, place := distinct(targets)
	results := make([]Result, len(merged))
	have := make([][]string, len(merged))
	memory, err := t.memory(ctx, merged)
	if err != nil {
		return nil, err
	}
	readErr := t.read(ctx, merged, memory, at, results, have)
	var wanted []Wanted
	var which []int
	for i := range results {
		if results[i].Outcome.Result == "" {
			wanted = append(wanted, Wanted{merged[i], results[i].Decision.Change, have[i]})
			which = append(which, i)
		}
	}
	var writeErr error
	switch {
	case len(wanted) == 0:
	case t.Writer == nil:
		for _, i := range which {
			results[i].reportOnly()
		}
	default:
		var outcomes []video.Outcome
		outcomes, writeErr = t.Writer.Write(ctx, wanted)
		for j, i := range which {
			if j < len(outcomes) {
				results[i].Outcome = outcomes[j]
			} else {
				results[i].Outcome = outcome(merged[i].ID, errors.Join(video.ErrDeferred, writeErr))
			}
		}
	}
	all := make([]Result, len(targets))
	for i, j := range place {
		all[i] = results[j]
	}
	return all, errors.Join(readErr, writeErr)
}

func distinct(targets []Target) (merged []Target, place []int) {
	seen := map[video.ID]int{}
	for _, target := range targets {
		j, ok := seen[target.ID]
		if !ok {
			j = len(merged)
			seen[target.ID] = j
			merged = append(merged, target)
		}
		merged[j].Labels = merged[j].Labels || target.Labels
		place = append(place, j)
	}
	return merged, place
}

// read fills in a decision for each target, and an outcome for those with which
// nothing more is to be done.
func (t Tagger) read(ctx context.Context, targets []Target, memory []tagging.Memory, at time.Time, results []Result, have [][]string) error {
	var videos, images []video.ID
	var videoAt, imageAt []int
	for i, target := range targets {
		if target.Kind == video.KindImage {
			images, imageAt = append(images, target.ID), append(imageAt, i)
		} else {
			videos, videoAt = append(videos, target.ID), append(videoAt, i)
		}
	}
	var faults []error
	if len(videos) > 0 {
		answers, err := t.Library.Media(ctx, videos)
		faults = append(faults, err)
		for j, i := range videoAt {
			answer, err := entry(answers, j, err)
			if err != nil {
				results[i].Outcome = outcome(targets[i].ID, fmt.Errorf("read: %w", err))
				continue
			}
			facts, err := t.facts(ctx, targets[i], answer, at)
			if err != nil {
				results[i].Outcome = outcome(targets[i].ID, err)
				continue
			}
			results[i], have[i] = t.decide(targets[i].ID, &facts, memory[i], at), answer.Tags
		}
	}
	if len(images) > 0 {
		answers, err := t.images(ctx, images)
		faults = append(faults, err)
		for j, i := range imageAt {
			answer, err := entry(answers, j, err)
			if err != nil {
				results[i].Outcome = outcome(targets[i].ID, fmt.Errorf("read: %w", err))
				continue
			}
			facts := rule.FactsOfImage(answer, at)
			results[i], have[i] = t.decide(targets[i].ID, &facts, memory[i], at), answer.Tags
		}
	}
	return errors.Join(faults...)
}

// images reads one image by the call that is the older of the two.
func (t Tagger) images(ctx context.Context, ids []video.ID) ([]video.Answer[video.Image], error) {
	if len(ids) > 1 {
		return t.Library.Images(ctx, ids)
	}
	image, err := t.Library.Image(ctx, ids[0])
	answers := []video.Answer[video.Image]{{ID: ids[0], Value: image, Err: err}}
	if errors.Is(err, video.ErrNotFound) { // about this image, not about the call
		err = nil
	}
	return answers, err
}

func entry[T any](answers []video.Answer[T], i int, err error) (T, error) {
	var zero T
	if i >= len(answers) {
		return zero, errors.Join(video.ErrDeferred, err)
	}
	return answers[i].Value, answers[i].Err
}

// facts is what the rules are told of a video or audio.
func (t Tagger) facts(ctx context.Context, target Target, m video.Media, at time.Time) (rule.Facts, error) {
	if m.Origin == "" {
		m.Origin = target.Origin
	}
	facts := rule.FactsOf(m, at)
	return facts, t.label(ctx, target, &facts)
}

// Explain reads one media as Run does, and tells what every rule makes of it.
func (t Tagger) Explain(ctx context.Context, target Target, at time.Time) (rule.Facts, tagging.Explanation, error) {
	var facts rule.Facts
	if target.Kind == video.KindImage {
		image, err := t.Library.Image(ctx, target.ID)
		if err != nil {
			return facts, tagging.Explanation{}, err
		}
		facts = rule.FactsOfImage(image, at)
	} else {
		answers, err := t.Library.Media(ctx, []video.ID{target.ID})
		media, err := entry(answers, 0, err)
		if err == nil {
			facts, err = t.facts(ctx, target, media, at)
		}
		if err != nil {
			return facts, tagging.Explanation{}, err
		}
	}
	memory, err := t.memory(ctx, []Target{target})
	if err != nil {
		return facts, tagging.Explanation{}, err
	}
	return facts, t.Rules.ExplainFor(&facts, memory[0].Seen(facts.Tags, nil), t.Reach), nil
}

func (t Tagger) memory(ctx context.Context, targets []Target) ([]tagging.Memory, error) {
	if t.Memory == nil {
		return make([]tagging.Memory, len(targets)), nil
	}
	return t.Memory(ctx, targets)
}

func (t Tagger) label(ctx context.Context, target Target, facts *rule.Facts) error {
	if !target.Labels || t.Labels == nil || !t.Rules.Uses("labels") {
		return nil
	}
	labels, err := t.Labels.Labels(ctx, target.ID)
	switch {
	case errors.Is(err, video.ErrNotFound): // no result is kept: the rules go on waiting
		return nil
	case err != nil:
		return fmt.Errorf("labels: %w", err)
	}
	texts := []string{}
	for _, label := range labels {
		if !slices.Contains(texts, label.Text) {
			texts = append(texts, label.Text)
		}
	}
	slices.Sort(texts) // so that the same ones fit each time, whatever order they come in
	rule.Labelled(facts, texts)
	return nil
}

// decide leaves the outcome empty when there is something to write.
func (t Tagger) decide(id video.ID, facts *rule.Facts, m tagging.Memory, at time.Time) Result {
	facts.ID = string(id)
	d, _ := t.Rules.DecideFor(facts, m.Seen(facts.Tags, nil), t.Reach, at)
	r := Result{Decision: d, Outcome: video.Outcome{ID: id}}
	switch {
	case r.Decision.Locked != "":
		r.Outcome.Result, r.Outcome.Reason = video.Kept, r.Decision.Locked
	case r.Decision.Change.Empty():
		r.Outcome.Result = video.Unchanged
	}
	return r
}

// Weigh is what Run without a Writer answers about one asset whose facts are known.
func (t Tagger) Weigh(target Target, facts *rule.Facts, m tagging.Memory, at time.Time) Result {
	r := t.decide(target.ID, facts, m, at)
	if r.Outcome.Result == "" {
		r.reportOnly()
	}
	return r
}

func (r *Result) reportOnly() {
	r.Outcome.Result, r.Outcome.Reason = video.Kept, "report only: nothing is written"
}

func outcome(id video.ID, err error) video.Outcome {
	return video.Outcome{ID: id, Result: video.ResultOf(err), Reason: err.Error(), Err: err}
}

// Failed says that what was wanted was not done and may be next time, or once
// somebody grants the right: the event that led here is worth another try.
func (r Result) Failed() bool {
	return slices.Contains([]video.Result{video.Failed, video.Unknown, video.Deferred, video.Forbidden}, r.Outcome.Result)
}
