package insight_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/video"
)

var today = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

var shelfScope = video.Scope{Region: "cn-shanghai", Account: "shelf"}

// shelf is a snapshot of videos of these ages in days, each with two streams.
func shelf(t *testing.T, ages ...int) *insight.Snapshot {
	t.Helper()
	var text strings.Builder
	for i, age := range ages {
		m := video.Media{Video: video.Video{ID: video.ID(fmt.Sprintf("v%d", i)), Kind: "video", Title: "clip", Status: "Normal", Created: today.AddDate(0, 0, -age), Duration: time.Minute, StorageClass: "Standard"}}
		m.Source = &video.Source{Status: "Normal", Size: 1000, Duration: time.Minute, Height: 720, Width: 1280}
		for _, job := range []string{"hd", "ld"} {
			m.Streams = append(m.Streams, video.Stream{Job: job, Definition: strings.ToUpper(job), Format: "mp4", Status: "Normal", Size: 100, Height: 720, Width: 1280, Duration: time.Minute, Kind: "video"})
		}
		line, err := json.Marshal(m)
		require.NoError(t, err)
		text.Write(append(line, '\n'))
	}
	text.WriteString(`{"categories":[]}`)
	s, err := insight.ReadSnapshot(strings.NewReader(text.String()), "shelf", today, insight.Options{})
	require.NoError(t, err)
	return s
}

func policy(t *testing.T, text string) *retention.Policy {
	t.Helper()
	p, err := retention.Parse("policy.yaml", []byte(text))
	require.NoError(t, err)
	return p
}

const (
	guards  = "guards: {count: 100, percent: 100, bytes: 1GB, unknown: 0}\n"
	sources = guards + "rules: [{name: s, select: 'status == \"Normal\"', older_than: 30d, remove: {source: {good_streams: 1}}}]\n"
	wholes  = guards + "rules: [{name: w, select: 'status == \"Normal\"', older_than: 30d, remove: {video: true}}]\n"
)

// A snapshot is opened once and planned on as often as somebody asks.
func TestWhatIfLeavesItsSnapshotAsItIs(t *testing.T) {
	s := shelf(t, 10, 29, 40, 50)
	simulate := func(text string, nights int) ([]insight.Night, []retention.Item) {
		all, items, err := insight.WhatIf(t.Context(), insight.Simulation{Scope: shelfScope, Library: s, Policy: policy(t, text), From: today, Nights: nights}, insight.Options{})
		require.NoError(t, err)
		require.Len(t, all, nights)
		return all, items
	}
	for _, text := range []string{sources, wholes} {
		_, first := simulate(text, 3)
		require.Len(t, first, 3, "two on the first night, and one that is old enough on the third")
		_, again := simulate(text, 3)
		require.Equal(t, first, again)
		require.Empty(t, insight.Difference(first, again))
	}
	_, a := simulate(sources, 1)
	_, b := simulate(wholes, 1)
	var signs []string
	for _, d := range insight.Difference(a, b) {
		signs = append(signs, d.Sign+" "+string(d.ID))
	}
	require.Equal(t, []string{"+ v3", "+ v2", "- v3", "- v2"}, signs)
}

func TestANightIsALineAndAPicture(t *testing.T) {
	s := shelf(t, 40, 10)
	simulation := insight.Simulation{Scope: shelfScope, Library: s, Policy: policy(t, wholes+"prices: {currency: CNY, per_gb_month: {Standard: 0.12}}\n"), From: today, Nights: 2}
	nights, _, err := insight.WhatIf(t.Context(), simulation, insight.Options{})
	require.NoError(t, err)
	require.Nil(t, nights[0].Line().Moves)
	require.InDelta(t, 0.12*1200/1e9, *nights[1].Line().Month, 1e-12)
	var picture bytes.Buffer
	require.NoError(t, insight.DrawNights(&picture, nights))
	require.Contains(t, picture.String(), "<svg")
	require.Contains(t, picture.String(), "cost of a month, CNY")
}

func TestWhatIfRefusesWhatItCannotPlan(t *testing.T) {
	for _, nights := range []int{-1, 0, insight.MostNights + 1} {
		_, _, err := insight.WhatIf(t.Context(), insight.Simulation{Scope: shelfScope, Library: shelf(t), Policy: policy(t, wholes), From: today, Nights: nights}, insight.Options{})
		require.ErrorIs(t, err, video.ErrInvalid, nights)
	}
	_, _, err := insight.WhatIf(t.Context(), insight.Simulation{Scope: shelfScope, Library: shelf(t, 40), Policy: policy(t, wholes+"holds: {list: holds.txt}\n"), From: today, Nights: 1}, insight.Options{})
	require.ErrorContains(t, err, "holds.txt", "a hold list that is not at hand holds everything")
}
