package purge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/purge"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// spoiled is a state of which one object was lost (no body) or changed by somebody.
type spoiled struct {
	state.Objects
	key, body string
}

func (s spoiled) Read(ctx context.Context, key string) ([]byte, error) {
	switch {
	case key != s.key:
		return s.Objects.Read(ctx, key)
	case s.body == "":
		return nil, fmt.Errorf("%s: %w", key, video.ErrNotFound)
	}
	return []byte(s.body), nil
}

// A plan that was begun and lost one of its objects is refused by name, by whatever
// way it comes to its end, and the plans after it are applied.
func TestADamagedObjectOfOnePlanStopsThatPlanOnly(t *testing.T) {
	for name, key := range map[string]string{
		"its first run":  "runs/PLAN/00000001.json",
		"what it did":    "ledger/00000002.jsonl",
		"what it did, 1": "ledger/00000001.jsonl",
	} {
		for after, change := range map[string]func(t *testing.T, w *world, p removal.Plan){
			"approved": func(*testing.T, *world, removal.Plan) {},
			"withdrawn": func(t *testing.T, w *world, p removal.Plan) {
				require.NoError(t, removal.Withdraw(t.Context(), w.objects, p.ID, "otto", "", made))
			},
		} {
			t.Run(name+", "+after, func(t *testing.T) {
				w := newWorld(t, policy, temp("a"), temp("b"))
				p := w.plan(t, made)
				w.approve(t, p)
				w.before = func(call string) error {
					if strings.HasPrefix(call, "delete") {
						return video.ErrTransient
					}
					return nil
				}
				require.Equal(t, purge.Stopped, w.purge(t, later).Plans[0].Status)
				w.before = nil
				change(t, w, p)
				whole := w.objects
				key := strings.Replace(key, "PLAN", p.ID, 1)
				for _, night := range []int{1, 10, 38} { // young, expired, and nearly out of sight
					at := made.AddDate(0, 0, night)
					w.objects = whole
					id := video.ID(fmt.Sprint("night", night))
					w.media[id] = temp(string(id))
					next := w.plan(t, at)
					w.approve(t, next)
					w.objects = spoiled{whole, key, "x"}
					r := w.purge(t, at.Add(time.Hour))
					require.Len(t, r.Plans, 2)
					require.Equal(t, purge.Refused, r.Plans[0].Status)
					require.Contains(t, r.Plans[0].Why, key)
					require.Equal(t, purge.Ended, r.Plans[1].Status, r.Plans[1].Why)
					require.NotContains(t, w.ids(), string(id))
				}
			})
		}
	}
}

func TestWithoutTheTipOfTheLedgerNothingGoes(t *testing.T) {
	for name, body := range map[string]string{"lost": "", "cut": "{"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policy, temp("a"))
			_, _, err := w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"gone"}, By: "anna", Reason: "why"}, made.AddDate(0, 0, -3))
			require.NoError(t, err)
			w.approve(t, w.plan(t, made))
			whole := w.objects
			w.objects = spoiled{whole, "ledger/00000001.jsonl", body}
			for range 2 {
				r, err := w.job().Run(t.Context(), later)
				require.Contains(t, fmt.Sprint(r, err), "ledger/00000001.jsonl")
				_, _, err = w.job().Takedown(t.Context(), purge.Takedown{IDs: []video.ID{"a"}, By: "anna", Reason: "why"}, later)
				require.ErrorContains(t, err, "ledger/00000001.jsonl")
				require.Empty(t, w.removed)
			}
			_, err = removal.VerifyLedger(t.Context(), w.objects)
			require.ErrorContains(t, err, "ledger/00000001.jsonl")
			w.objects = whole
			require.Equal(t, 1, w.purge(t, later).Removed())
		})
	}
}

// Without its list of what stays, nobody can say whether the newest stand as they did.
func TestADamagedListOfWhatStaysKeepsItsGroups(t *testing.T) {
	for name, body := range map[string]string{"lost": "", "changed": "x"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, newest, inCategory("old", 90, 5), inCategory("b", 80, 5), inCategory("c", 70, 5))
			p := w.plan(t, made)
			w.approve(t, p)
			w.objects = spoiled{w.objects, "parts/" + p.Survivors[0].Hash + ".jsonl", body}
			r := w.purge(t, later)
			require.Equal(t, purge.Ended, r.Plans[0].Status)
			require.Equal(t, map[video.Result]int{video.Kept: 1}, r.Results())
			require.Empty(t, w.removed)
		})
	}
}
