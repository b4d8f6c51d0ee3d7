package console

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/insight"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
)

func TestTheOverviewSaysWhatStatusSays(t *testing.T) {
	c := cloud(t, localcloud.Options{})
	uploadTo(t, c, "landscape.mp4", "title=Harbour%20promo")
	c.Advance(25 * time.Hour)
	s := of(t, c)
	o, err := state.Open(t.Context(), c.Env()["STATE"], state.Options{})
	require.NoError(t, err)
	require.NoError(t, removal.SetHalt(t.Context(), o, removal.Halt{Halted: true, By: "Li <b>Na</b>", Reason: "look\u202e first", At: c.Now()}))
	b := open(t, s)
	b.shows("main", "Removal is halted by Li <b>Na</b>: look\\u202e first")
	var status insight.Overview
	vodctl(t, c, &status, "status")
	require.NotEmpty(t, status.Functions)
	main := b.text("main")
	for _, f := range status.Functions {
		require.Contains(t, main, f.Function)
	}
	for _, q := range status.Queues {
		if q.Problem == "" {
			require.Contains(t, main, q.Queue)
			require.Contains(t, main, report.Number(int(q.Waiting))+" waiting")
		}
	}
	for _, n := range status.Next {
		require.Contains(t, main, n.Command)
		require.Contains(t, main, n.Why)
	}
	for _, p := range status.Plans {
		if p.Status == removal.PlanPlanned {
			require.Contains(t, main, p.ID)
			require.Contains(t, main, report.Number(p.Items)+" items")
		}
	}
	b.scheme(1280, false)
	b.visit("/")
	b.shot("overview")
	b.looksRight("/")
}
