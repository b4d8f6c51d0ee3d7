// Package statetest is what tests of several rooms need of a state: a folder, a plan in it,
// and damage done to its files.
package statetest

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vodcurator/shared/act/upkeep"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// T is what is used of a test.
type T interface {
	Helper()
	TempDir() string
	Cleanup(func())
	Context() context.Context
	Fatalf(format string, args ...any)
}

// Noon is a moment to plan for.
var Noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// Folder opens a new state in a folder.
func Folder(t T) (s *state.Store, dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := state.Open(t.Context(), "file:"+dir, state.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s, dir
}

// Damage rewrites one file behind the state's back.
func Damage(t T, dir, key string, change func([]byte) []byte) {
	t.Helper()
	name := filepath.Join(dir, filepath.FromSlash(key))
	text, err := os.ReadFile(name)
	must(t, err)
	must(t, os.Chmod(name, 0o600))
	must(t, os.WriteFile(name, change(text), 0o600))
}

// Keys gathers the keys of a listing.
func Keys(t T, seq iter.Seq2[string, error]) (all []string) {
	t.Helper()
	for key, err := range seq {
		must(t, err)
		all = append(all, key)
	}
	return all
}

// Faulty gives the keys that a check names.
func Faulty(t T, o state.Objects, now time.Time) (keys []string) {
	t.Helper()
	for key, err := range upkeep.Check(t.Context(), o, now) {
		if err == nil {
			t.Fatalf("%s is named without a fault", key)
		}
		keys = append(keys, key)
	}
	return keys
}

// Mute is a state that cannot be read now.
type Mute struct{ state.Objects }

// Read fails for a passing reason.
func (Mute) Read(context.Context, string) ([]byte, error) { return nil, video.ErrTransient }

// Item is an item of a plan.
func Item(id string) retention.Item {
	return retention.Item{ID: video.ID(id), Kind: retention.Whole, Bytes: 10, Rule: "r", Reason: "because"}
}

// Plan writes a plan of so many assets, made at Noon.
func Plan(t T, o state.Objects, n int) removal.Plan {
	t.Helper()
	lines := removal.Lines{Objects: o}
	p := removal.Plan{Created: Noon, Expires: Noon.AddDate(0, 0, 7), Scope: video.Scope{Region: "cn-shanghai", Account: "1"}, Policy: strings.Repeat("a", 64), Library: removal.Library{Media: n}}
	for i := range n {
		id := fmt.Sprintf("v%06d", i)
		v := retention.Verdict{ID: video.ID(id), Items: []retention.Item{Item(id)}}
		must(t, lines.Add(t.Context(), v))
		p.Add(v.Items...)
	}
	must(t, lines.Flush(t.Context()))
	p.Chunks = lines.Written
	must(t, p.Seal())
	must(t, removal.WritePlan(t.Context(), o, p))
	return p
}

func must(t T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}
