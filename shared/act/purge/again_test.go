package purge_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/act/purge"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// What a plan took for one reason does not go for another one: each is asked again.

// viewed is a state with a usage file.
type viewed struct {
	state.Objects
	usage string
}

func (v viewed) Read(ctx context.Context, key string) ([]byte, error) {
	if key == "usage.csv" {
		return []byte(v.usage), nil
	}
	return v.Objects.Read(ctx, key)
}

func TestNoOtherRuleStandsInForTheOneThatPlanned(t *testing.T) {
	for name, other := range map[string]string{
		"a rule":  "rules: [UNSEEN, {name: old, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}]",
		"a quota": "rules: [UNSEEN]\nquotas: [{name: room, above: 1TB, older_than: 30d}]",
	} {
		t.Run(name, func(t *testing.T) {
			unseen := "{name: unseen, select: '\"temp\" in tags', older_than: 90d, since: view, remove: {video: true}}"
			w := newWorld(t, "usage: usage.csv\nguards: {percent: 100}\n"+strings.Replace(other, "UNSEEN", unseen, 1), temp("a"))
			objects := w.objects
			w.objects = viewed{objects, "a," + at(200).Format(time.DateOnly) + "\nother," + at(1).Format(time.DateOnly)}
			m := w.media["a"]
			m.Created, m.Modified = at(300), at(300)
			w.media["a"] = m
			w.approve(t, w.plan(t, made))
			w.objects = viewed{objects, "a," + at(2).Format(time.DateOnly)}
			r := w.purge(t, later)
			require.Equal(t, map[video.Result]int{video.Kept: 1}, r.Results())
			require.Empty(t, w.removed, "it was viewed two days ago")
		})
	}
}

const newest = "keep: [{name: last two, newest: 2, per: category}]\n" + policy

// In category 5 "old" goes because "b" and "c" stay.
func TestNothingGoesOutOfAGroupWhoseNewestHaveLeftIt(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(w *world)
		want   string
	}{
		"one is gone":      {func(w *world) { delete(w.media, "c") }, "c, one of the newest, is gone"},
		"one has moved":    {func(w *world) { move(w, "b", 6) }, "b, one of the newest, has left its group"},
		"nothing happened": {func(*world) {}, ""},
		"one more came":    {func(w *world) { w.media["d"] = inCategory("d", 1, 5) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			lean := parts("old")
			lean.Category = 5
			w := newWorld(t, newest, lean, inCategory("b", 50, 5), inCategory("c", 40, 5), inCategory("only", 90, 7))
			p := w.plan(t, made)
			require.Equal(t, 3, p.Items)
			w.approve(t, p)
			tc.change(w)
			r := w.purge(t, later)
			if tc.want == "" {
				require.Equal(t, map[video.Result]int{video.Done: 3}, r.Results())
				return
			}
			require.Equal(t, map[video.Result]int{video.Kept: 3}, r.Results())
			require.Empty(t, w.removed)
			require.Equal(t, []string{tc.want, tc.want, tc.want}, details(t, w))
		})
	}
}

func inCategory(id string, days int, category int64) video.Media {
	m := temp(id)
	m.Created, m.Category = at(days), category
	return m
}

func move(w *world, id video.ID, category int64) {
	m := w.media[id]
	m.Category = category
	w.media[id] = m
}

// details are the reasons of all outcomes in the ledger.
func details(t *testing.T, w *world) (all []string) {
	for row, err := range removal.Rows(t.Context(), w.objects, 0) {
		require.NoError(t, err)
		if row.Event == removal.Outcome {
			all = append(all, row.Detail)
		}
	}
	return all
}

func TestWhatStaysInAGroupIsReadAgainForEachBatch(t *testing.T) {
	var all []video.Media
	for i := range 130 {
		all = append(all, inCategory(fmt.Sprintf("v%03d", i), 90-i/2, int64(1+i%2)))
	}
	w := newWorld(t, strings.Replace(newest, "newest: 2", "newest: 30", 1), all...)
	w.approve(t, w.plan(t, made))
	w.calls = nil
	require.Equal(t, 70, w.purge(t, later).Removed())
	reads := map[string]int{}
	for _, call := range w.calls {
		reads[call]++
	}
	require.Equal(t, map[string]int{"read 20": 3 + 4*3, "read 10": 1, "delete videos 20": 3, "delete videos 10": 1}, reads,
		"four reads of what goes, and before each three of the sixty that stay")
}

func TestAGroupThatCannotBeReadWaitsOrKeeps(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		kept   int
		detail string
	}{
		"forbidden": {video.ErrForbidden, 1, "b, one of the newest, cannot be read: forbidden"},
		"throttled": {err: video.ErrThrottled},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, newest, temp("a"), inCategory("b", 50, 0), inCategory("c", 40, 0))
			w.approve(t, w.plan(t, made))
			j := w.job()
			j.Library = &unreadable{w.library, "b", tc.err}
			r, err := j.Run(t.Context(), later)
			require.Empty(t, w.removed)
			require.Equal(t, tc.kept, r.Results()[video.Kept])
			if tc.kept == 0 {
				require.NoError(t, err, "one that cannot be read stops nothing else")
				require.Equal(t, purge.Stopped, r.Plans[0].Status)
				require.Equal(t, 1, r.Plans[0].Left)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{tc.detail}, details(t, w))
		})
	}
}

// unreadable is a library that does not tell about one media.
type unreadable struct {
	*library
	id  video.ID
	err error
}

func (u *unreadable) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	answers, err := u.library.Media(ctx, ids)
	if at := slices.Index(ids, u.id); at >= 0 && u.err != nil {
		answers[at] = video.Answer[video.Media]{ID: u.id, Err: u.err}
	}
	return answers, err
}

// A plan of an older version tells nothing of the groups, and one may come into a
// group of which the plan knows without having been weighed there.
func TestAPlanThatDoesNotTellWhatStaysKeeps(t *testing.T) {
	for name, change := range map[string]func(*removal.Plan, *retention.Verdict){
		"no groups":         func(p *removal.Plan, v *retention.Verdict) { p.Survivors, v.Newest = nil, nil },
		"no group for this": func(_ *removal.Plan, v *retention.Verdict) { v.Newest = nil },
		"nobody stands":     func(p *removal.Plan, _ *retention.Verdict) { p.Survivors = nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, newest, temp("a"), inCategory("b", 50, 0), inCategory("c", 40, 0))
			w.approve(t, w.rewrite(t, w.plan(t, made), change))
			w.purge(t, later)
			require.Empty(t, w.removed)
			require.Equal(t, []string{"the plan does not tell what stays as the newest in its place"}, details(t, w))
		})
	}
}

// rewrite makes another plan out of one; both are there.
func (w *world) rewrite(t *testing.T, p removal.Plan, change func(*removal.Plan, *retention.Verdict)) removal.Plan {
	t.Helper()
	lines := removal.Lines{Objects: w.objects}
	for v, err := range p.Entries(t.Context(), w.objects) {
		require.NoError(t, err)
		change(&p, &v)
		require.NoError(t, lines.Add(t.Context(), v))
	}
	require.NoError(t, lines.Flush(t.Context()))
	p.Created, p.Chunks = p.Created.Add(time.Second), lines.Written
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), w.objects, p))
	return p
}

// A plan is made in the evening, and a person approves it in the morning. At night the
// next plan has counted again.
func TestAQuotaTakesWhatAPersonApprovesInTheMorning(t *testing.T) {
	w := newWorld(t, "quotas: [{name: room, above: 2500B, older_than: 30d}]\nguards: {percent: 100}", temp("a"), inCategory("b", 80, 0), inCategory("c", 70, 0))
	evening := time.Date(2026, 6, 1, 13, 0, 0, 0, time.UTC) // 21:00 in Shanghai
	for night := range 4 {
		tick := evening.AddDate(0, 0, night)
		p := w.plan(t, tick)
		w.purge(t, tick.Add(6*time.Hour)) // 03:00
		if p.Items > 0 {
			w.approve(t, p)
		}
	}
	require.Equal(t, []string{"video a"}, w.removed)
}

// What a quota takes is right only for the library that was counted.
func TestAQuotaTakesOnlyWhatTheLatestPlanTakesAndNotForLong(t *testing.T) {
	quota := "rules: []\nquotas: [{name: room, above: 2500B, older_than: 30d}]\nguards: {percent: 100, count: 1}\n"
	ruled := "rules: [{name: temp, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}]\n" + strings.TrimPrefix(quota, "rules: []\n")
	for name, tc := range map[string]struct {
		policy  string
		between func(t *testing.T, w *world, p removal.Plan)
		at      time.Time
		detail  string
	}{
		"at once":            {policy: quota},
		"a day less a blink": {policy: quota, at: made.Add(24*time.Hour - time.Second)},
		"a day later":        {policy: quota, at: made.AddDate(0, 0, 1), detail: "a quota takes nothing by a count begun 24h0m0s ago"},
		"a rule, later":      {policy: ruled, at: made.AddDate(0, 0, 6)},
		"counted again since": {policy: quota, detail: "a quota takes nothing by this plan, a later one counted the library again",
			between: func(t *testing.T, w *world, _ removal.Plan) {
				m := w.media["a"]
				delete(w.media, "a")
				require.Zero(t, w.plan(t, made.Add(13*time.Hour)).Items)
				w.media["a"] = m
			}},
		"counted again, and that plan ended": {policy: quota, detail: "a quota takes nothing by this plan, a later one counted the library again",
			between: func(t *testing.T, w *world, _ removal.Plan) {
				m := w.media["a"]
				delete(w.media, "a")
				w.media["other"] = inCategory("other", 95, 0)
				p := w.plan(t, made.Add(13*time.Hour))
				require.Equal(t, 1, p.Items)
				w.media["a"] = m
				require.NoError(t, removal.EndRun(t.Context(), w.objects, removal.RunEnd{Plan: p.ID}))
			}},
		"counted again, and nobody can read by whom": {policy: quota, detail: "a quota takes nothing by this plan, a later one counted the library again",
			between: func(t *testing.T, w *world, _ removal.Plan) {
				p := w.plan(t, made.Add(13*time.Hour))
				w.objects = spoiled{w.objects, "plans/" + p.ID + ".json", "x"}
			}},
		"counted again, and taken again": {policy: quota, between: func(t *testing.T, w *world, _ removal.Plan) {
			require.Equal(t, 1, w.plan(t, made.Add(13*time.Hour)).Items)
		}},
		"counted again, a day later": {policy: quota, at: made.Add(37 * time.Hour), detail: "a quota takes nothing by a count begun 24h0m0s ago",
			between: func(t *testing.T, w *world, _ removal.Plan) {
				require.Equal(t, 1, w.plan(t, made.Add(13*time.Hour)).Items)
			}},
		"counted again, and taken by a rule": {policy: quota, detail: "a quota takes nothing by this plan, a later one counted the library again",
			between: func(t *testing.T, w *world, _ removal.Plan) {
				w.rewrite(t, w.plan(t, made.Add(13*time.Hour)), func(_ *removal.Plan, v *retention.Verdict) { v.Items[0].Rule = "temp" })
			}},
		"counted again, and the list is lost": {policy: quota, detail: "a quota takes nothing by this plan, a later one counted the library again",
			between: func(t *testing.T, w *world, _ removal.Plan) {
				later := w.rewrite(t, w.plan(t, made.Add(13*time.Hour)), func(_ *removal.Plan, v *retention.Verdict) { v.Title = "another" })
				w.objects = damaged{w.objects, "parts/" + later.Chunks[0].Hash}
			}},
		"counted again, over the guards": {policy: quota, detail: "a quota takes nothing by this plan, the latest one is over the guards",
			between: func(t *testing.T, w *world, _ removal.Plan) {
				w.media["d"] = inCategory("d", 60, 0)
				require.NotEmpty(t, w.plan(t, made.Add(13*time.Hour)).Over)
			}},
		"counted by another policy": {policy: quota, between: func(t *testing.T, w *world, p removal.Plan) {
			p.Created, p.Policy = p.Created.Add(time.Minute), strings.Repeat("a", 64)
			require.NoError(t, p.Seal())
			require.NoError(t, removal.WritePlan(t.Context(), w.objects, p))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.policy, temp("a"), inCategory("b", 80, 0), inCategory("c", 70, 0))
			if tc.policy == ruled {
				delete(w.media, "b")
				delete(w.media, "c")
			}
			p := w.plan(t, made)
			require.Equal(t, 1, p.Items)
			w.approve(t, p)
			if tc.between != nil {
				tc.between(t, w, p)
			}
			if tc.at.IsZero() {
				tc.at = made.Add(14 * time.Hour)
			}
			w.purge(t, tc.at)
			if tc.detail == "" {
				require.Equal(t, []string{"video a"}, w.removed)
				return
			}
			require.Empty(t, w.removed)
			require.Equal(t, []string{tc.detail}, details(t, w))
		})
	}
}

func TestWithAnApplicationOnlyItsOwnMediaGo(t *testing.T) {
	for app, detail := range map[string]string{
		"app-1": "",
		"app-2": `it is of application "app-2"`,
		"":      "the library does not tell its application",
	} {
		t.Run(app, func(t *testing.T) {
			m := temp("a")
			m.App = app
			w := newWorld(t, policy, m)
			r, err := plan.Job{Library: w.library, State: w.objects, Policy: w.policy, Scope: video.Scope{Region: "cn-shanghai", Account: "1", App: "app-1"}}.Run(t.Context(), made)
			require.NoError(t, err)
			w.approve(t, r.Plan)
			j := w.job()
			j.Scope.App = "app-1"
			done, err := j.Run(t.Context(), later)
			require.NoError(t, err)
			require.Equal(t, purge.Ended, done.Plans[0].Status)
			require.Equal(t, []string{detail}, details(t, w))
			require.Equal(t, detail == "", len(w.removed) == 1)
		})
	}
}
