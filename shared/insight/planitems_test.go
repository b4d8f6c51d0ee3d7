package insight_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

func storeOf(t *testing.T) *state.Store {
	t.Helper()
	o, err := state.Open(t.Context(), "file:"+t.TempDir(), state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, o.Close()) })
	return o
}

type contextual interface {
	require.TestingT
	Context() context.Context
}

// listed writes the entries of a plan in chunks of three, and gives a head that fits.
func listed(t contextual, o state.Objects, entries []retention.Verdict) (p removal.Plan) {
	lines := removal.Lines{Objects: o}
	for i, v := range entries {
		require.NoError(t, lines.Add(t.Context(), v))
		p.Add(v.Items...)
		if i%3 == 2 {
			require.NoError(t, lines.Flush(t.Context()))
		}
	}
	require.NoError(t, lines.Flush(t.Context()))
	p.ID, p.Chunks = "p", lines.Written
	return p
}

var rules, places = []string{"a", "b"}, []string{"", "Harbour", "News"}

// library draws entries in the order of a plan.
func library(t *rapid.T) (all []retention.Verdict) {
	for i := range rapid.IntRange(0, 20).Draw(t, "assets") {
		if rapid.Bool().Draw(t, "left out") {
			continue
		}
		v := retention.Verdict{ID: video.ID(fmt.Sprintf("v%02d", i)), Created: time.Unix(int64(i/2), 0).UTC(), Category: rapid.SampledFrom(places).Draw(t, "category")}
		for n := range rapid.IntRange(1, 3).Draw(t, "items") {
			v.Items = append(v.Items, retention.Item{ID: v.ID, Kind: retention.Stream, Part: fmt.Sprint(n), Rule: rapid.SampledFrom(rules).Draw(t, "rule"),
				Bytes: rapid.Int64Range(-1, 5).Draw(t, "bytes")})
		}
		all = append(all, v)
	}
	return all
}

// What is shown by pages is all that the plan lists, in its order, for each filter; the groups
// add up to the plan.
func TestPagesOfAPlanAreThePlan(t *testing.T) {
	o := storeOf(t)
	rapid.Check(t, func(r *rapid.T) {
		entries := library(r)
		p := listed(r, o, entries)
		x, err := insight.IndexOf(r.Context(), o, p)
		require.NoError(r, err)
		for _, f := range []insight.PlanFilter{{}, {Rule: "a"}, {Category: "News", InCategory: true}, {Rule: "b", InCategory: true}} {
			var want, got []retention.Item
			for _, v := range entries {
				for _, i := range v.Items {
					if (f.Rule == "" || f.Rule == i.Rule) && (!f.InCategory || f.Category == v.Category) {
						want = append(want, i)
					}
				}
			}
			require.Equal(r, len(want), x.Count(f))
			for from := 0; from < len(want); from += 4 {
				page, err := x.Page(r.Context(), o, p, f, from, 4)
				require.NoError(r, err)
				for _, i := range page {
					got = append(got, i.Item)
				}
			}
			require.Equal(r, want, got)
		}
		sum := removal.Totals{}
		for _, g := range x.Groups {
			sum.Items, sum.Bytes, sum.Unknown = sum.Items+g.Items, sum.Bytes+g.Bytes, sum.Unknown+g.Unknown
		}
		require.Equal(r, [3]int64{int64(p.Items), p.Bytes, int64(p.Unknown)}, [3]int64{int64(sum.Items), sum.Bytes, int64(sum.Unknown)})
	})
}

// What was listed, less what is gone, with what was added, is what is listed.
func TestChangesOfAPlanLeadFromOneToTheOther(t *testing.T) {
	o := storeOf(t)
	rapid.Check(t, func(r *rapid.T) {
		before, after := library(r), library(r)
		changes, err := insight.PlanChanges(r.Context(), o, listed(r, o, before), listed(r, o, after))
		require.NoError(r, err)
		has := func(all []retention.Verdict, i retention.Item) bool {
			for _, v := range all {
				for _, other := range v.Items {
					if other.Same(i) {
						return true
					}
				}
			}
			return false
		}
		count := func(all, others []retention.Verdict, rule string) (n int) {
			for _, v := range all {
				for _, i := range v.Items {
					if i.Rule == rule && !has(others, i) {
						n++
					}
				}
			}
			return n
		}
		got := map[string][2]int{}
		for _, c := range changes {
			got[c.Rule] = [2]int{c.Added.Items, c.Gone.Items}
		}
		for _, rule := range rules {
			require.Equal(r, [2]int{count(after, before, rule), count(before, after, rule)}, got[rule], rule)
		}
	})
}

func TestAListThatDoesNotAddUpIsCorruptAndStillCounted(t *testing.T) {
	o := storeOf(t)
	item := retention.Item{ID: "v", Kind: retention.Whole, Rule: "a", Bytes: 7}
	p := listed(t, o, []retention.Verdict{{ID: "v", Items: []retention.Item{item}}})
	p.Items++
	x, err := insight.IndexOf(t.Context(), o, p)
	require.ErrorIs(t, err, state.ErrCorrupt)
	require.Len(t, x.Groups, 1)
	p.Chunks[0].Hash = state.Digest([]byte("x"))
	_, err = insight.IndexOf(t.Context(), o, p)
	require.Error(t, err)
}
