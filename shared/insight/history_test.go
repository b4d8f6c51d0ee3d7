package insight_test

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/insight"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/video"
)

func TestNothingIsKnownOfAnAssetThatNoRecordNames(t *testing.T) {
	env := maps.Clone(localcloud.RunT(t, localcloud.Options{}).Env())
	app := appOf(t, env)
	counted := map[string]bool{}
	hears := insight.Options{Progress: func(of string) (func(int), func()) {
		return func(int) {}, func() { counted[of] = true }
	}}
	_, err := insight.History(t.Context(), app, "nope", hears)
	require.ErrorIs(t, err, video.ErrNotFound)
	require.ErrorContains(t, err, `nothing is known of "nope"`)
	require.ErrorContains(t, err, "32 hexadecimal digits")
	require.Equal(t, map[string]bool{" journal entries": true, " plans": true}, counted)

	env["STATE"] = ""
	_, err = insight.History(t.Context(), appOf(t, env), "nope", insight.Options{})
	require.ErrorContains(t, err, "STATE is not set")
}

func TestALifeHasTheKeysOfItsEvents(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	text, err := json.Marshal(insight.Life{ID: "v", Events: []insight.Event{
		{At: at, Kind: "changed", By: "people", Plan: "run", Fields: []insight.FieldChange{{Field: "title", Old: "a", New: "b"}}},
	}})
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"v","events":[{"at":"2026-01-02T03:04:05Z","kind":"changed","by":"people","plan":"run","fields":[{"field":"title","old":"a","new":"b"}]}]}`, string(text))
}
