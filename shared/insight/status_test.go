package insight_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/boot"
	"vodcurator/shared/insight"
	"vodcurator/shared/localcloud"
)

// appOf wires the clients by these variables.
func appOf(t *testing.T, env map[string]string) *boot.App {
	t.Helper()
	c, err := boot.Read(func(name string) string { return env[name] })
	require.NoError(t, err)
	app, err := boot.New(c, slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(t, err)
	t.Cleanup(app.VOD.Close)
	return app
}

// What nobody knows says so in its place, and a STATE that is not there is not made.
func TestAStatusOfNothingKnowsNothing(t *testing.T) {
	env := maps.Clone(localcloud.RunT(t, localcloud.Options{}).Env())
	dir := filepath.Join(t.TempDir(), "none")
	env["STATE"] = "file:" + dir
	app := appOf(t, env)
	require.True(t, insight.Absent(app))
	s, err := insight.Status(t.Context(), app, true)
	require.NoError(t, err)
	require.NoDirExists(t, dir)
	require.False(t, s.Used)
	require.NotEmpty(t, s.Halt.Problem)
	require.NotEmpty(t, s.Journal.Problem)
	for _, f := range s.Functions {
		require.NotEmpty(t, f.Problem, f.Function)
		require.Zero(t, f.At, f.Function)
	}
	require.Contains(t, s.Next, insight.Next{Command: "vodctl setup --plan", Why: "nothing is known of what has run: deploy it, or set STATE to the functions'"})
	text, err := json.Marshal(s)
	require.NoError(t, err)
	require.Contains(t, string(text), `"plans":[]`)

	require.NoError(t, os.Mkdir(dir, 0o700))
	require.False(t, insight.Absent(app), "it is there, and holds nothing")
}

func TestAnEndedContextEndsTheStatus(t *testing.T) {
	app := appOf(t, localcloud.RunT(t, localcloud.Options{}).Env())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := insight.Status(ctx, app, true)
	require.ErrorIs(t, err, context.Canceled)
}

func TestAPlanIsWordedByWhoShowsIt(t *testing.T) {
	f := insight.PlanFacts{ID: "p", Items: 7, First: 3, Status: "approved"}
	f.Detail.By, f.Detail.Why = "anna", "as agreed"
	day := func(at time.Time) string { return at.Format(time.DateOnly) }
	require.Equal(t, "approved the first 3 items by anna (as agreed)", f.Text(day))
	f.Halted = true
	require.Equal(t, "halted, 0 of 3 removed; approved by anna (as agreed)", f.Text(day))
	f.Halted, f.Status, f.Detail.At = false, "withdrawn", time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	require.Equal(t, "withdrawn 2026-03-04 by anna (as agreed)", f.Text(day))
}
