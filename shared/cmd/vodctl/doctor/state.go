package doctor

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vodcurator/shared/act/upkeep"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// bigState is where reading every object begins to take long.
const bigState = 500_000

func place(ctx context.Context, p *Patient) []Finding {
	spec := p.App.Config.State
	if spec == "" {
		return []Finding{noState}
	}
	return []Finding{p.LookAtState(ctx)}
}

// LookAtState says whether the place of STATE will do, and how much lies there.
func (p *Patient) LookAtState(ctx context.Context) Finding {
	scope := p.App.Scope
	is, err := state.Look(ctx, p.App.Config.State, p.stateOptions())
	switch {
	case errors.Is(err, video.ErrNotFound) && madeAtFirst(p.App.Config.State):
		return doubt("right for a new installation, whose first function makes it; else STATE names the wrong place", "%s is not there yet", p.App.Config.State)
	case errors.Is(err, video.ErrNotFound):
		return fault("vodctl setup --apply makes a bucket; a folder is yours to make", "%v", err)
	case errors.Is(err, video.ErrForbidden):
		return unasked(err, "oss:GetBucketInfo and oss:ListObjects")
	case errors.Is(err, video.ErrInvalid):
		return fault("check STATE, ALIBABA_CLOUD_REGION (calls are signed for it) and OSS_ENDPOINT", "is refused: %v", err)
	case err != nil:
		return doubt("check STATE, ALIBABA_CLOUD_REGION and OSS_ENDPOINT", "cannot be read: %v", err)
	case is.Owner != "" && scope.Account != "" && is.Owner != scope.Account:
		return fault("name a bucket of your own in STATE: names are worldwide", "the bucket is of account %s", is.Owner)
	case is.Versioned:
		return fault("take a bucket that never kept versions, and copy what lies here: vodctl help recovery", "the bucket keeps versions, so it ignores create-if-absent: two writers may both win")
	case is.Objects == 0:
		return doubt("right for a new installation; else STATE names the wrong place", "%s holds nothing", p.App.Config.State)
	case is.More:
		return doubt("vodctl state expire and compact say what can go", "more than %s, not all were counted in time", report.Count(is.Objects, "object"))
	case is.Objects > bigState:
		return doubt("vodctl state expire and compact say what can go", "%s, %s", report.Count(is.Objects, "object"), report.Bytes(is.Bytes))
	}
	return ok("%s, %s", report.Count(is.Objects, "object"), report.Bytes(is.Bytes))
}

// madeAtFirst says that a folder is missing that state.Open makes: its parent is there.
func madeAtFirst(spec string) bool {
	dir, isFolder := strings.CutPrefix(spec, "file:")
	info, err := os.Stat(filepath.Dir(strings.TrimPrefix(dir, "//")))
	return isFolder && err == nil && info.IsDir()
}

// opened is STATE for reading; where it cannot be had the finding says so, in few words,
// since place says why.
func (p *Patient) opened(ctx context.Context) (*state.Store, *Finding) {
	if p.App.Config.State == "" {
		return nil, &noState
	}
	s, err := p.state.get(ctx)
	if err != nil {
		f := doubt("see what is said of state", "not asked: STATE cannot be opened")
		return nil, &f
	}
	return s, nil
}

// inState makes a check of one that reads STATE.
func inState(look func(ctx context.Context, p *Patient, s *state.Store) []Finding) func(context.Context, *Patient) []Finding {
	return func(ctx context.Context, p *Patient) []Finding {
		s, f := p.opened(ctx)
		if f != nil {
			return []Finding{*f}
		}
		return look(ctx, p, s)
	}
}

// dated is a look at something in STATE whose age counts.
func dated(look func(ctx context.Context, p *Patient, s *state.Store, now time.Time) []Finding) func(context.Context, *Patient, *state.Store) []Finding {
	return func(ctx context.Context, p *Patient, s *state.Store) []Finding {
		now, err := p.App.Clock(ctx)
		if err != nil {
			return []Finding{unasked(err, "")}
		}
		return look(ctx, p, s, now)
	}
}

var noState = doubt("set STATE as s.yaml has it", "not asked: STATE is not set")

// unread is what STATE could not answer.
func unread(err error) Finding {
	if errors.Is(err, state.ErrCorrupt) {
		return fault("restore the object from a copy: vodctl help recovery", "%v", err)
	}
	return unasked(err, "oss:GetObject and oss:ListObjects")
}

func objects(ctx context.Context, _ *Patient, s *state.Store) []Finding {
	ctx, cancel := context.WithTimeout(ctx, limit*4/5)
	defer cancel()
	const most = 5
	var bad []Finding
	for key, err := range upkeep.Check(ctx, s, time.Now()) {
		switch {
		case key == "" && ctx.Err() != nil:
			return append(bad, doubt("vodctl state check reads every object, however long it takes", "not all were read in %s", limit*4/5))
		case key == "":
			return append(bad, unread(err))
		case len(bad) == most:
			return append(bad, fault("vodctl state check names them all", "more are corrupt, missing or stray"))
		case errors.Is(err, state.ErrLater):
			bad = append(bad, fault("take the version of vodctl that is deployed", "written by a later version").of(key))
		case errors.Is(err, state.ErrStray):
			bad = append(bad, doubt("move it away: nothing reads it", "no object of this program has such a name").of(key))
		default:
			bad = append(bad, fault("restore it from a copy: vodctl help recovery", "%v", err).of(key))
		}
	}
	if len(bad) == 0 {
		return []Finding{ok("none is corrupt, missing or stray")}
	}
	return bad
}

func halt(ctx context.Context, _ *Patient, s *state.Store) []Finding {
	h, err := removal.HaltState(ctx, s)
	switch {
	case err != nil:
		return []Finding{unread(err)}
	case h.Halted:
		return []Finding{fault("vodctl resume, when what it was for is over", "halted since %s by %s: %s", h.At.Format(time.DateTime), h.By, cmp.Or(h.Reason, "no reason was given"))}
	}
	return []Finding{ok("not halted")}
}

func plans(ctx context.Context, p *Patient, s *state.Store, now time.Time) []Finding {
	latest, skipped, err := removal.LatestPlan(ctx, s, func(plan removal.Plan) bool {
		return p.App.Scope.Takes(plan.Scope) && plan.Duty == retention.Removing
	}, time.Time{})
	const look = "look into purgeplan's log and its trigger nightly"
	switch {
	case err != nil:
		return []Finding{unread(err)}
	case len(skipped) > 0:
		return []Finding{fault("restore it from a copy, or wait for the next night's", "skipped: %v", skipped[0])}
	case latest.ID == "":
		return []Finding{doubt("purgeplan makes one each night; after the first night: "+look, "none was made yet of %s", p.App.Scope)}
	case now.Sub(latest.Created) > insight.PlanStale:
		return []Finding{fault(look, "none since %s: the latest is %s", ago(now.Sub(latest.Created)), latest.ID)}
	}
	status, detail, err := removal.StatusOf(ctx, s, latest, now)
	switch {
	case err != nil:
		return []Finding{unread(err)}
	case status == removal.PlanRefused:
		return []Finding{doubt("vodctl plan show "+latest.ID, "%s is refused: %s", latest.ID, detail.Why)}
	}
	return []Finding{ok("%s, %s old, %s: %s", latest.ID, ago(now.Sub(latest.Created)), status, report.Count(latest.Items, "item"))}
}

// sweepsLate is how old the latest sweep may be: one begins each hour.
const sweepsLate = 3 * time.Hour

func sweep(ctx context.Context, p *Patient, s *state.Store, now time.Time) []Finding {
	last, err := p.lastSweep(ctx, s, now)
	if err != nil {
		return []Finding{unread(err)}
	}
	const look = "look into autotag's log and its trigger sweep"
	switch {
	case last.IsZero():
		return []Finding{doubt("autotag sweeps each hour; if it should have: "+look, "none in the last week")}
	case now.Sub(last) > sweepsLate:
		return []Finding{fault(look, "the latest was %s ago", ago(now.Sub(last)))}
	}
	return []Finding{ok("the latest was %s ago", ago(now.Sub(last)))}
}

// lastSweep is when the latest sweep began, of any kind; zero: none in the week before now.
func (p *Patient) lastSweep(ctx context.Context, s *state.Store, now time.Time) (last time.Time, err error) {
	for _, kind := range []video.Kind{video.KindVideo, video.KindAudio, video.KindImage} {
		one, found, err := state.LastSwept(ctx, s, kind, now)
		if err != nil {
			return last, err
		}
		if found && one.At.After(last) {
			last = one.At
		}
	}
	return last, nil
}
