package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

func TestASnapshotIsPlannedOnWithoutAnAccount(t *testing.T) {
	start := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	cloud := localcloud.RunT(t, localcloud.Options{Callback: "none", Start: start})
	var all []fakevod.Asset
	for i := range 45 {
		a := fakevod.Asset{Title: "clip", Created: start.AddDate(0, 0, -i), Size: 1000}
		if i%2 == 0 {
			a.Tags = "temp"
		}
		all = append(all, a)
	}
	cloud.VOD.Seed(all...)
	dir := t.TempDir()
	file, policy, other := filepath.Join(dir, "library.jsonl"), filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "other.yaml")
	text := "rules:\n  - {name: r, select: '\"temp\" in tags', older_than: 40d, remove: {video: true}}\nguards: {percent: 50, unknown: 50}\n"
	require.NoError(t, os.WriteFile(policy, []byte(text), 0o600))
	require.NoError(t, os.WriteFile(other, []byte(text[:len(text)-1]+" # other\nkeep: [{name: k, newest: 22, select: '\"temp\" in tags'}]\n"), 0o600))

	code, out, errs := vodctl(t, cloud.Env(), "snapshot", file)
	require.Zero(t, code, errs)
	require.Contains(t, out, "45 assets written, 0 were there")

	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, whole[:len(whole)*2/3], 0o600)) // broken in the middle of a line
	code, _, errs = vodctl(t, nil, "plan", "what-if", "--library", file)
	require.Equal(t, 1, code, "a broken file is no library")
	require.Contains(t, errs, "the snapshot is not complete")
	code, out, errs = vodctl(t, cloud.Env(), "snapshot", file)
	require.Zero(t, code, errs)
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(whole), string(again), out)

	try := []string{"plan", "what-if", "--library", file, "--policy", policy, "--at", "2026-06-01"}
	code, out, errs = vodctl(t, nil, try...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "45 assets in the library, 2 would lose 2 items") // 42 and 44 days old; 40 is not over 40
	code, out, errs = vodctl(t, nil, append(try, "--nights", "10")...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "2026-06-10")
	code, out, errs = vodctl(t, nil, append(try, "--diff", other)...)
	require.Zero(t, code, errs)
	require.Regexp(t, `(?m)^- +\w{32} +video`, out, "the other keeps one of the two")
	require.NotContains(t, out, "\n+")

	for _, args := range [][]string{{"plan", "what-if"}, {"plan", "what-if", "--library", file, "--at", "soon"}} {
		code, _, _ := vodctl(t, nil, args...)
		require.Equal(t, 2, code)
	}
	require.NoError(t, os.WriteFile(file, []byte("{}\n"), 0o600))
	code, _, errs = vodctl(t, nil, try...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "it is no snapshot of a library")
}

// snapshotOf writes a file as vodctl snapshot does.
func snapshotOf(t *testing.T, all ...video.Media) string {
	t.Helper()
	var text []byte
	for _, m := range all {
		line, err := json.Marshal(m)
		require.NoError(t, err)
		text = append(append(text, line...), '\n')
	}
	return file(t, "library.jsonl", string(text)+lastLine)
}

// lastLine ends a snapshot that is made by hand.
const lastLine = `{"categories":[]}` + "\n"

func aged(id string, days int, tags ...string) video.Media {
	return video.Media{Streams: []video.Stream{}, Video: video.Video{ID: video.ID(id), Kind: video.KindVideo, Status: video.StatusNormal, Tags: tags, Size: 1000, Duration: time.Minute,
		Created: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -days)}}
}

func TestWhatIfTakesEachPartInOneNightOnly(t *testing.T) {
	m := aged("a", 50, "lean")
	m.Snapshots, m.Cover = []string{"https://x.example/1.jpg"}, "https://x.example/image/cover/c.jpg"
	m.Source = &video.Source{Status: "Normal", Size: 1000, Duration: time.Minute, Width: 1280, Height: 720}
	m.Streams = []video.Stream{
		{Job: "ld", Definition: "LD", Status: "Normal", Size: 10, Width: 640, Height: 360, Duration: time.Minute, Kind: "video"},
		{Job: "hd", Definition: "HD", Status: "Normal", Size: 20, Width: 1280, Height: 720, Duration: time.Minute, Kind: "video"},
	}
	library := snapshotOf(t, m, aged("w", 50, "temp"))
	policy := file(t, "policy.yaml", `rules:
  - {name: lean, select: '"lean" in tags', older_than: 40d, remove: {source: {}, streams: {height_below: 400}, images: [NormalSnapshot]}}
  - {name: temp, select: '"temp" in tags', older_than: 40d, remove: {video: true}}
guards: {percent: 100, unknown: 9}
`)
	code, out, errs := vodctl(t, nil, "plan", "what-if", "--library", library, "--policy", policy, "--at", "2026-06-01", "--nights", "3", "-o", "json")
	require.Zero(t, code, errs)
	var plans []removal.Plan
	require.NoError(t, json.Unmarshal([]byte(out), &plans))
	require.Equal(t, []int{4, 0, 0}, []int{plans[0].Items, plans[1].Items, plans[2].Items})
	require.Equal(t, []int{2, 1, 1}, []int{plans[0].Library.Media, plans[1].Library.Media, plans[2].Library.Media})
	require.EqualValues(t, 20, plans[1].Library.Bytes, "one stream is left")
}

func TestWhatIfKnowsHoldsAndViews(t *testing.T) {
	library := snapshotOf(t, aged("a", 90, "temp"), aged("b", 90, "temp"), aged("c", 90, "temp"))
	policy := file(t, "policy.yaml", `holds: {list: lists/holds.txt}
usage: usage.csv
rules: [{name: temp, select: '"temp" in tags', older_than: 40d, since: view, remove: {video: true}}]
guards: {percent: 100}
`)
	try := []string{"plan", "what-if", "--library", library, "--policy", policy, "--at", "2026-06-01", "-o", "json"}
	biggest := func(out string) (ids []video.ID) {
		var plans []removal.Plan
		require.NoError(t, json.Unmarshal([]byte(out), &plans))
		for _, b := range plans[0].Biggest {
			ids = append(ids, b.ID)
		}
		return ids
	}
	holds, usage := file(t, "holds.txt", "a a court order\n"), file(t, "usage.csv", "a,2026-01-01\nb,2026-01-01\nc,2026-05-31\n")
	code, out, errs := vodctl(t, nil, append(try, "--holds", holds, "--usage", usage)...)
	require.Zero(t, code, errs)
	require.Equal(t, []video.ID{"b"}, biggest(out))
	written := file(t, "written.txt", "\ufeff# as people write it\r\n\"A\"\t; court order\r\n\r\n")
	code, out, errs = vodctl(t, nil, append(try, "--holds", written, "--usage", usage)...)
	require.Zero(t, code, errs)
	require.Equal(t, []video.ID{"b"}, biggest(out))

	// One file stands for those of all the nights, and that is said once.
	code, _, errs = vodctl(t, nil, append(try, "--holds", holds, "--usage", usage, "--nights", "2", "--diff", policy)...)
	require.Zero(t, code, errs)
	require.Equal(t, 1, strings.Count(errs, "is taken to be as fresh on every night as it is on the first"), errs)
	code, out, errs = vodctl(t, nil, append(try, "--holds", holds, "--usage", usage, "--nights", "43")...)
	require.Zero(t, code, errs)
	var nights []removal.Plan
	require.NoError(t, json.Unmarshal([]byte(out), &nights))
	require.Len(t, nights, 43)
	var at []int
	for i, n := range nights {
		if n.Items > 0 {
			at = append(at, i)
		}
	}
	require.Equal(t, []int{0, 41}, at, "c was viewed until the end of the day before the first")
	code, _, errs = vodctl(t, nil, append(try, "--holds", holds, "--usage", file(t, "old.csv", "a,2026-01-01\n"), "--nights", "60")...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "has stopped", "a file that is old on the first night is")

	dir := t.TempDir()
	store, err := state.Open(t.Context(), "file:"+dir, state.Options{})
	require.NoError(t, err)
	require.NoError(t, store.Create(t.Context(), "lists/holds.txt", []byte("b")))
	require.NoError(t, store.Close())
	code, out, errs = vodctl(t, map[string]string{"STATE": "file:" + dir}, append(try, "--usage", usage)...)
	require.Zero(t, code, errs)
	require.Equal(t, []video.ID{"a"}, biggest(out), "what no file is named for is read from STATE")

	code, _, errs = vodctl(t, nil, append(try, "--usage", usage)...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "hold list: ")
	require.Contains(t, errs, "STATE")
}

// standing is a video of 1 GB, and 0.3 GB of streams, in Standard.
func standing(id string, days int) video.Media {
	m := aged(id, days)
	m.StorageClass, m.Size = "Standard", 1e9
	m.Source = &video.Source{Status: "Normal", Size: 1e9, Duration: time.Minute, Width: 1280, Height: 720}
	m.Streams = []video.Stream{{Job: "j" + id, Definition: "HD", Kind: "video", Status: "Normal", Width: 1280, Height: 720, Size: 3e8, Duration: time.Minute}}
	return m
}

const moneyPolicy = `
prices: {currency: CNY, per_gb_month: {Standard: 0.12, IA: 0.08, Archive: 0.03}, per_10000_moves: {IA: 10, Archive: 10}}
rules:
  - name: cool
    move: {ladder: [{older_than: 30d, to: IA, scope: source}, {older_than: 62d, to: Archive}]}
moves: {guards: {percent: 100}}
`

func TestWhatIfMovesAndCounts(t *testing.T) {
	library := snapshotOf(t, standing("a", 61), standing("b", 29), standing("c", 10))
	policy, picture := file(t, "policy.yaml", moneyPolicy), filepath.Join(t.TempDir(), "curve.svg")
	try := []string{"plan", "what-if", "--library", library, "--policy", policy, "--at", "2026-06-01"}
	code, out, errs := vodctl(t, nil, append(try, "--nights", "40", "--svg", picture, "-o", "json")...)
	require.Zero(t, code, errs)
	var nights []struct {
		Moves  removal.Plan     `json:"moves"`
		Stored map[string]int64 `json:"stored"`
		Month  float64          `json:"month"`
		Items  int              `json:"items"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &nights))
	require.Len(t, nights, 40)
	moved := map[int]int{}
	for n, night := range nights {
		require.Zero(t, night.Items)
		if night.Moves.Items > 0 {
			moved[n] = night.Moves.Items
		}
	}
	// a goes to IA in the first night, and on to Archive once 30 days there are over, by the
	// end of the hour in which it came; b in the third, c in the twenty-second.
	require.Equal(t, map[int]int{0: 1, 2: 1, 21: 1, 31: 1, 34: 1}, moved)
	require.EqualValues(t, map[string]int64{"Standard": 0.9e9, "IA": 1e9, "Archive": 2e9}, nights[39].Stored)
	require.InDelta(t, 0.9*0.12+0.08+2*0.03, nights[39].Month, 1e-9)
	require.InDelta(t, 0.001, nights[0].Moves.Saving.Moves, 1e-9)
	drawn, err := os.ReadFile(picture)
	require.NoError(t, err)
	require.Contains(t, string(drawn), "<svg")
	require.Contains(t, string(drawn), "cost of a month, CNY")

	code, out, errs = vodctl(t, nil, append(try, "--nights", "2", "-o", "csv")...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "standard,ia,archive,coldarchive,a month,saved a month,once,paid back in days,currency\n")
	require.Contains(t, out, ",CNY\n")

	unpriced := file(t, "unpriced.yaml", strings.Replace(moneyPolicy, "Archive: 0.03", "ColdArchive: 0.01", 1))
	code, out, errs = vodctl(t, nil, "plan", "what-if", "--library", snapshotOf(t, standing("a", 90)), "--policy", unpriced, "--at", "2026-06-01", "--nights", "2")
	require.Zero(t, code, errs)
	require.Contains(t, out, "no price")

	code, _, errs = vodctl(t, map[string]string{"ALIBABA_CLOUD_REGION": "cn-hangzhou"}, try...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "take the move rules out")
}
