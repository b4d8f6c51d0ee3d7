package vod_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
)

// TestASearchFindsWhatItsQuerySays compares searches and lists with a look at
// every media of a small library.
func TestASearchFindsWhatItsQuerySays(t *testing.T) {
	cloud, c := onEmulator(t, nil)
	titles := []string{"one", "two", "One two", "it's", "部片", `say "hi"`}
	tags := []string{"", "a", "ab", "a,b", "b,ab", "x y"}
	statuses := []string{"Normal", "Blocked", "Transcoding"}
	var assets []fakevod.Asset
	for i := range 400 {
		assets = append(assets, fakevod.Asset{
			Kind: []string{"video", "audio", "image"}[i%3], Title: titles[i/3%len(titles)], Tags: tags[i/7%len(tags)],
			Status: statuses[i/5%len(statuses)], CateID: int64(i / 11 % 3), Created: start.Add(time.Duration(i/2) * time.Second),
		})
	}
	ids := cloud.VOD.Seed(assets...)
	rapid.Check(t, func(rt *rapid.T) {
		second := rapid.IntRange(-2, 210)
		q := video.Query{
			Kind:        rapid.SampledFrom([]video.Kind{"", video.KindVideo, video.KindAudio, video.KindImage}).Draw(rt, "kind"),
			Category:    int64(rapid.IntRange(0, 2).Draw(rt, "category")),
			OldestFirst: rapid.Bool().Draw(rt, "oldest first"),
			Title:       rapid.SampledFrom([]string{"", "", "two", "it's", "片", `"hi"`}).Draw(rt, "title"),
		}
		if rapid.Bool().Draw(rt, "bounded") {
			half := time.Duration(rapid.IntRange(0, 1).Draw(rt, "half")) * time.Second / 2
			q.CreatedFrom = start.Add(time.Duration(second.Draw(rt, "from"))*time.Second - half)
			q.CreatedTo = start.Add(time.Duration(second.Draw(rt, "to"))*time.Second + half)
		}
		if rapid.Bool().Draw(rt, "tagged") {
			q.Tags = []string{rapid.SampledFrom([]string{"a", "ab", "b", "x y"}).Draw(rt, "tag")}
		}
		if rapid.Bool().Draw(rt, "of some status") {
			q.Statuses = rapid.SliceOfNDistinct(rapid.SampledFrom([]video.Status{"Normal", "Blocked", "Transcoding"}), 1, 2, rapid.ID).Draw(rt, "statuses")
		}
		selected := func(kinds ...string) (want []video.ID) {
			for i, a := range assets {
				if slices.Contains(kinds, a.Kind) && (q.CreatedFrom.IsZero() || !a.Created.Before(q.CreatedFrom)) &&
					(q.CreatedTo.IsZero() || a.Created.Before(q.CreatedTo)) && (len(q.Statuses) == 0 || slices.Contains(q.Statuses, video.Status(a.Status))) &&
					(q.Category == 0 || a.CateID == q.Category) && strings.Contains(a.Title, q.Title) &&
					(len(q.Tags) == 0 || slices.Contains(video.SplitTags(a.Tags), q.Tags[0])) {
					want = append(want, video.ID(ids[i]))
				}
			}
			return want
		}
		kind := string(q.Kind)
		if kind == "" {
			kind = "video"
		}
		var found []video.ID
		var last time.Time
		for f, err := range c.Search(context.Background(), q) {
			require.NoError(rt, err)
			found = append(found, f.Video.ID+f.Image.ID)
			created := f.Video.Created
			if kind == "image" {
				created = f.Image.Created
			}
			require.True(rt, last.IsZero() || created.Equal(last) || created.After(last) == q.OldestFirst)
			last = created
		}
		require.ElementsMatch(rt, selected(kind), found)
		if kind == "video" {
			var listed []video.ID
			for v, err := range c.List(context.Background(), q) {
				require.NoError(rt, err)
				listed = append(listed, v.ID)
			}
			require.ElementsMatch(rt, selected("video", "audio"), listed)
		}
	})
}

func FuzzPosition(f *testing.F) {
	for _, seed := range []string{"", "x", "2026-01-01T00:00:00Z,a,b", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+08:00,", ",,,"} {
		f.Add(seed)
	}
	s := serve(f, func(request) (int, string) { return ok(map[string]any{"Total": 0}) })
	c := s.client(f).Unlimited()
	f.Fuzz(func(t *testing.T, after string) {
		for found, err := range c.Search(t.Context(), video.Query{After: after}) {
			require.ErrorIs(t, err, video.ErrInvalid)
			require.Empty(t, found)
		}
	})
}
