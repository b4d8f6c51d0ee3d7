package vod

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"vodcurator/shared/video"
)

// parallel is how many batches of one call are under way together, so that slow
// answers do not keep us under the rate.
const parallel = 8

// verdict is what came of one key.
type verdict[V any] struct {
	value V
	err   error
}

// verdicts answers for the keys of one batch. A key it leaves out has no verdict.
type verdicts[K comparable, V any] map[K]verdict[V]

// inBatches hands the keys to call, each distinct key once and at most
// video.MaxBatch together, and answers for all of them. When call fails for a
// reason that lies in the keys, its batch is halved until the guilty ones are
// alone; any other failure ends the work: what was not tried says so, and the
// failure is returned beside the verdicts.
func inBatches[K comparable, V any](ctx context.Context, keys []K, call func(context.Context, []K) (verdicts[K, V], error)) (verdicts[K, V], error) {
	keys = distinct(keys)
	all := make(verdicts[K, V], len(keys))
	var mu sync.Mutex
	var fatal error
	record := func(batch []K, some verdicts[K, V], err error) {
		mu.Lock()
		defer mu.Unlock()
		for _, key := range batch {
			if v, ok := some[key]; ok {
				all[key] = v
			} else {
				all[key] = verdict[V]{err: err}
			}
		}
		if err != nil && !aboutItem(err) && fatal == nil {
			fatal = err
		}
	}
	ended := func() error {
		mu.Lock()
		defer mu.Unlock()
		if fatal == nil && ctx.Err() != nil {
			fatal = fmt.Errorf("%w: %w", video.ErrDeferred, ctx.Err())
		}
		return fatal
	}
	var do func([]K)
	do = func(batch []K) {
		if err := ended(); err != nil {
			record(batch, nil, fmt.Errorf("%w: %w", video.ErrDeferred, bare(err)))
			return
		}
		some, err := call(ctx, batch)
		if err != nil && aboutItem(err) && len(some) == 0 && len(batch) > 1 {
			half := len(batch) / 2
			do(batch[:half])
			do(batch[half:])
			return
		}
		record(batch, some, err)
	}

	var calls errgroup.Group
	calls.SetLimit(parallel)
	for batch := range slices.Chunk(keys, video.MaxBatch) {
		if len(batch) == len(keys) { // the only one needs no goroutine
			do(batch)
			break
		}
		calls.Go(func() error { do(batch); return nil })
	}
	_ = calls.Wait() // record keeps the failures
	return all, fatal
}

// aboutItem says that an error lies in the media asked about, not in the call,
// the account or the way there.
func aboutItem(err error) bool {
	return errors.Is(err, video.ErrNotFound) || errors.Is(err, video.ErrInvalid) || errors.Is(err, video.ErrUnremovable)
}

// bare says why work stopped without being the failure itself: what was not
// tried is not forbidden, throttled or unknown.
func bare(err error) error { return errors.New("stopped after: " + err.Error()) }

func distinct[K comparable](keys []K) []K {
	seen := make(map[K]bool, len(keys))
	return slices.DeleteFunc(slices.Clone(keys), func(key K) bool {
		again := seen[key]
		seen[key] = true
		return again
	})
}

// answers puts verdicts into the order of what was asked, with checkID's faults
// for ids that were not sent.
func answers[V any](ids []video.ID, all verdicts[video.ID, V]) []video.Answer[V] {
	out := make([]video.Answer[V], len(ids))
	for i, id := range ids {
		v, ok := all[id]
		if !ok {
			v.err = checkID(id)
		}
		out[i] = video.Answer[V]{ID: id, Value: v.value, Err: v.err}
	}
	return out
}

func checkID(id video.ID) error { return video.Update{ID: id}.Check() }

// sendable leaves out what must not be sent.
func sendable(ids []video.ID) []video.ID {
	return slices.DeleteFunc(slices.Clone(ids), func(id video.ID) bool { return checkID(id) != nil })
}

// outcomes is answers for operations that change something.
func outcomes(ids []video.ID, part string, all verdicts[video.ID, struct{}]) []video.Outcome {
	out := make([]video.Outcome, len(ids))
	for i, a := range answers(ids, all) {
		out[i] = outcome(a.ID, part, a.Err)
	}
	return out
}

// partOutcomes is outcomes for parts of one media, named in them by name.
func partOutcomes(id video.ID, keys []string, all verdicts[string, struct{}], check func(string) error, name func(string) string) []video.Outcome {
	out := make([]video.Outcome, len(keys))
	for i, key := range keys {
		v, ok := all[key]
		if !ok {
			v.err = check(key)
		}
		out[i] = outcome(id, name(key), v.err)
	}
	return out
}

// outcome words a verdict on one media or part.
func outcome(id video.ID, part string, err error) video.Outcome {
	o := video.Outcome{ID: id, Part: part, Result: video.ResultOf(err), Err: err}
	if err != nil {
		o.Reason = err.Error()
	}
	return o
}

func join[K ~string](keys []K) string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = string(key)
	}
	return video.JoinTags(texts)
}

// mark gives the keys a verdict of err.
func mark[K ~string, V any](all verdicts[K, V], keys []string, err error) {
	for _, key := range keys {
		all[K(key)] = verdict[V]{err: err}
	}
}
