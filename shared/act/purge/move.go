package purge

import (
	"context"
	"errors"
	"slices"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// changing is why a plan that has asked for everything has not ended.
const changing = "the library is changing storage classes; the next run looks"

func (j Job) moves() bool { return j.Policy.Duty == retention.Moving }

// alike is what moves that one call can ask for have in common.
type alike struct {
	to, scope string
	early     bool
}

func alikeOf(i retention.Item) alike { return alike{i.To, i.Part, i.Early} }

// move asks for moves, each call for those that are alike.
func (c *caller) move(ctx, under context.Context, going []retention.Item) {
	var kinds []alike
	of := map[alike][]retention.Item{}
	for _, i := range going {
		k := alikeOf(i)
		if of[k] == nil {
			kinds = append(kinds, k)
		}
		of[k] = append(of[k], i)
	}
	for _, k := range kinds {
		c.together(ctx, of[k], func(ids []video.ID) ([]video.Outcome, error) {
			return c.Mover.SetStorageClass(under, ids, k.to, k.scope == retention.SourcePart, k.early)
		})
	}
}

// batches gathers entries of a plan until one call can take no more. Moves are gathered by
// what a call can ask for, so that n of a kind cost n/20 calls however they are mixed.
type batches struct {
	kinds []alike
	of    map[alike][]retention.Verdict
}

// add gives a batch that is full; nil: none is.
func (b *batches) add(v retention.Verdict) (full []retention.Verdict) {
	if b.of == nil {
		b.of = map[alike][]retention.Verdict{}
	}
	k := alike{}
	if first := v.Items[0]; first.Kind == retention.Move {
		k = alikeOf(first)
	}
	if b.of[k] == nil {
		b.kinds = append(b.kinds, k)
	}
	b.of[k] = append(b.of[k], v)
	if len(b.of[k]) < video.MaxBatch {
		return nil
	}
	full, b.of[k] = b.of[k], []retention.Verdict{}
	return full
}

// rest gives the batches that did not come to be full.
func (b *batches) rest() (all [][]retention.Verdict) {
	for _, k := range b.kinds {
		if len(b.of[k]) > 0 {
			all = append(all, b.of[k])
		}
	}
	return all
}

// unsettled gives the open items of which this run has not read what came of them. What it
// knows to be under way is for the next run.
func (w *work) unsettled() []retention.Item {
	open := w.tally.Open()
	if !w.moves() {
		return open
	}
	return slices.DeleteFunc(open, func(i retention.Item) bool {
		a := w.attempts[keyOf(i)]
		return !a.Unread() && (a.Answer != nil || a.Found != nil)
	})
}

// asked says whether all that is approved of a plan was asked for, and some of it is open.
func (r *run) asked(ctx context.Context, p plan, a *Applied) (w *work, asked bool, err error) {
	c := consent{}
	switch approval, err := stored.ReadApproval(ctx, r.State, p.Plan); {
	case err == nil:
		c.by, c.first = approval.By, approval.First
	case !errors.Is(err, video.ErrNotFound) && !errors.Is(err, state.ErrCorrupt):
		return nil, false, err
	}
	w = r.work(p.Plan, c, a)
	if err := w.open(ctx); err != nil || !w.opened || len(w.tally.Open()) == 0 {
		return nil, false, err
	}
	waits := 0
	err = w.entries(ctx, func(v retention.Verdict, _ int) error {
		for _, i := range v.Items {
			if w.tally.Of(keyOf(i)).Phase != removal.Open {
				waits++
			}
		}
		return nil
	})
	if corrupt(err) != nil && errors.Is(corrupt(err), errCorrupt) {
		return nil, false, nil // it is told with the rest
	}
	return w, waits == 0, err
}

// settleAsked settles a plan that has asked for all it may ask for. It has nothing to call, so
// that neither its time nor its approval nor a changed policy is asked; false: it is not so.
func (r *run) settleAsked(ctx context.Context, p plan, a *Applied) (done bool, err error) {
	w, asked, err := r.asked(ctx, p, a)
	if err != nil || !asked {
		return false, err
	}
	if err := w.settle(ctx, p.refused != ""); err != nil {
		return false, err
	}
	if err := stored.NoteAside(ctx, w.State, w.at, w.aside); err != nil {
		return false, err
	}
	a.By, a.Left = w.by, 0
	if err := w.entries(ctx, func(v retention.Verdict, _ int) error { a.Left += len(v.Items); return nil }); err != nil {
		return false, err
	}
	switch a.Left {
	case 0:
		a.Status = Ended
		return true, w.over(ctx, "")
	case len(w.tally.Open()):
		a.Status, a.Why = UnderWay, changing
		return true, nil
	}
	return false, nil // some are asked for again
}
