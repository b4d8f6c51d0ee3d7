package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/insight"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
)

// mixed is a cloud with videos, audio files and images.
func mixed(t *testing.T) *localcloud.Cloud {
	t.Helper()
	c := localcloud.RunT(t, localcloud.Options{Callback: "none", Faults: "none"})
	at := c.Now().Add(-time.Hour)
	for n := range 25 {
		c.VOD.Seed(fakevod.Asset{Kind: "video", Title: fmt.Sprint("clip ", n), Status: "Normal", Created: at, Modified: at, Size: 1000})
		c.VOD.Seed(fakevod.Asset{Kind: "image", Title: fmt.Sprint("still ", n), Status: "Normal", Created: at, Modified: at, Picture: &fakevod.Picture{Width: 640, Height: 360, Size: 10}})
	}
	c.VOD.Seed(fakevod.Asset{Kind: "audio", Title: "lesson", Status: "Normal", Created: at.Add(time.Second), Modified: at, Size: 500})
	return c
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestASnapshotHoldsEveryKindAndSaysSo(t *testing.T) {
	c := mixed(t)
	name := filepath.Join(t.TempDir(), "library.jsonl")
	code, out, errs := vodctl(t, c.Env(), "snapshot", name)
	require.Zero(t, code, errs)
	require.Equal(t, "51 assets written, 0 were there: 26 video and audio files and 25 images\n", out)
	all := lines(t, name)
	require.Len(t, all, 53)
	require.True(t, strings.HasPrefix(all[0], `{"snapshot":{"begun":"`), all[0])
	require.Contains(t, all[52], `"end":{"assets":26,"images":25}`)

	code, out, errs = vodctl(t, c.Env(), "snapshot", name+"2", "--kind", "media")
	require.Zero(t, code, errs)
	require.Contains(t, out, "26 video and audio files and no images (--kind all takes them too)")
	code, _, _ = vodctl(t, c.Env(), "snapshot", name+"2", "--kind", "film")
	require.Equal(t, 2, code)
}

// Wherever it is cut, going on gives the file that would have been there.
func TestABrokenSnapshotGoesOnAndIsTheSame(t *testing.T) {
	c := mixed(t)
	name := filepath.Join(t.TempDir(), "library.jsonl")
	code, _, errs := vodctl(t, c.Env(), "snapshot", name)
	require.Zero(t, code, errs)
	whole := strings.Join(lines(t, name), "") + "\n"
	for cut := 0; cut < len(whole); cut += len(whole)/40 + 1 {
		require.NoError(t, os.WriteFile(name, []byte(whole[:cut]), 0o600))
		code, _, errs := vodctl(t, nil, "retag", "--library", name)
		require.Equal(t, 1, code, cut)
		require.Contains(t, errs, "the snapshot is not complete", cut)
		code, out, errs := vodctl(t, c.Env(), "snapshot", name)
		require.Zero(t, code, errs)
		again := strings.Join(lines(t, name), "") + "\n"
		_, before, _ := strings.Cut(whole, "\n")
		_, after, _ := strings.Cut(again, "\n") // the head says when it was begun
		require.Equal(t, before, after, "cut at %d: %s", cut, out)
	}
	require.NoError(t, os.WriteFile(name, []byte(whole[:len(whole)-1]), 0o600))
	code, _, errs = vodctl(t, nil, "retag", "--library", name)
	require.Zero(t, code, "only the last line feed lacks: %s", errs)
}

func TestACompleteSnapshotIsRefusedWithItsAgeOrRefreshed(t *testing.T) {
	c := mixed(t)
	name := filepath.Join(t.TempDir(), "library.jsonl")
	code, _, errs := vodctl(t, c.Env(), "snapshot", name)
	require.Zero(t, code, errs)
	whole := lines(t, name)
	begun := time.Now().Add(-72 * time.Hour).UTC().Truncate(time.Second)
	var head insight.Line
	require.NoError(t, json.Unmarshal([]byte(whole[0]), &head))
	aged := strings.Replace(strings.Join(whole, ""), head.Head.Begun.Format(time.RFC3339), begun.Format(time.RFC3339), 1) + "\n"
	require.NoError(t, os.WriteFile(name, []byte(aged), 0o600))
	code, out, errs := vodctl(t, c.Env(), "snapshot", name)
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errs, "it is complete, with 26 video and audio files and 25 images")
	require.Contains(t, errs, "3 d 0 h old: --refresh reads the library again")
	_, _, errs = vodctl(t, nil, "retag", "--library", name)
	require.Contains(t, errs, "3 d 0 h old; vodctl snapshot --refresh", "whoever reads an old file is told")

	// One asset is gone since, and one is new.
	require.NoError(t, os.WriteFile(name+".new", []byte(whole[0]+whole[2]), 0o600))
	app, err := loadFrom(c.Env())(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(app.VOD.Close)
	var first insight.Line
	require.NoError(t, json.Unmarshal([]byte(whole[1]), &first))
	gone := first.ID
	_, err = app.VOD.DeleteVideos(t.Context(), []video.ID{gone})
	require.NoError(t, err)
	c.VOD.Seed(fakevod.Asset{Kind: "video", Title: "new", Status: "Normal", Created: c.Now(), Modified: c.Now()})
	code, _, errs = vodctl(t, c.Env(), "snapshot", name, "--refresh")
	require.Zero(t, code, errs)
	require.NoFileExists(t, name+".new")
	text := strings.Join(lines(t, name), "")
	require.Contains(t, text, `"title":"new"`)
	require.NotContains(t, text, string(gone))
	_, _, errs = vodctl(t, nil, "retag", "--library", name)
	require.NotContains(t, errs, "old")

	// A broken one that is old does not go on: half of it would be of another day.
	require.NoError(t, os.WriteFile(name, []byte(strings.Join(strings.SplitAfter(aged, "\n")[:9], "")), 0o600))
	code, _, errs = vodctl(t, c.Env(), "snapshot", name)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "it was broken off, and is of "+begun.Format("2006-01-02 15:04"))
	other := c.Env()
	other["APP_ID"] = "app-other"
	require.NoError(t, os.WriteFile(name, []byte(strings.Join(whole[:9], "")), 0o600))
	code, _, errs = vodctl(t, other, "snapshot", name)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "name another file")
}

func TestASnapshotThatLostALineIsRefused(t *testing.T) {
	c := mixed(t)
	name := filepath.Join(t.TempDir(), "library.jsonl")
	code, _, errs := vodctl(t, c.Env(), "snapshot", name)
	require.Zero(t, code, errs)
	all := lines(t, name)
	require.NoError(t, os.WriteFile(name, []byte(strings.Join(append(all[:3:3], all[4:]...), "")), 0o600))
	code, out, errs := vodctl(t, nil, "retag", "--library", name)
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errs, "the snapshot has 25 videos and audio files and 25 images, and its last line says 26 and 25")
}

// A wrong name costs nobody a file.
func TestOnlyASnapshotIsGoneOnWithOrReplaced(t *testing.T) {
	c := mixed(t)
	name := filepath.Join(t.TempDir(), "notes.txt")
	for _, notes := range []string{"# notes\n\nline\n", "one line", "\x00\x01"} {
		for _, at := range []string{name, name + ".new"} {
			require.NoError(t, os.WriteFile(at, []byte(notes), 0o600))
			for _, args := range [][]string{{"snapshot", at}, {"snapshot", name, "--refresh"}} {
				code, out, errs := vodctl(t, c.Env(), args...)
				require.Equal(t, 1, code, args)
				require.Empty(t, out)
				require.Contains(t, errs, at+": invalid: it is no snapshot of a library")
				require.NotContains(t, errs, "--refresh")
				text, err := os.ReadFile(at)
				require.NoError(t, err)
				require.Equal(t, notes, string(text))
			}
			code, _, errs := vodctl(t, nil, "library", "summary", "--library", at)
			require.Equal(t, 1, code)
			require.NotContains(t, errs, "--refresh")
			require.NoError(t, os.Remove(at))
		}
	}
	for _, args := range [][]string{{os.DevNull}, {os.DevNull, "--refresh"}, {filepath.Dir(name), "--refresh"}} {
		code, _, errs := vodctl(t, c.Env(), append([]string{"snapshot"}, args...)...)
		require.Equal(t, 1, code)
		require.Contains(t, errs, "name a file")
	}
}

func TestAFileIsReadToALimit(t *testing.T) {
	name := filepath.Join(t.TempDir(), "huge.csv")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	require.NoError(t, os.Truncate(name, maxFile+1))
	for _, args := range [][]string{{"rules", "check", name}, {"policy", "check", name}, {"queue", "send", "--csv", name}} {
		code, _, errs := vodctl(t, nil, args...)
		require.Equal(t, 1, code, args)
		require.Contains(t, errs, "it is longer than")
	}
}
