package purge_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/state"
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
			w.objects = viewed{objects, "a," + at(200).Format(time.DateOnly)}
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
