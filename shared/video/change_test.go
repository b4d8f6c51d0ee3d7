package video_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/video"
)

func TestCheckNamesEveryFault(t *testing.T) {
	title, long := strings.Repeat("é", 65), strings.Repeat("x", 1025)
	change := video.Change{
		ID:   "a,b",
		Set:  video.Fields{Title: &title, Description: &long},
		Tags: video.TagEdit{Add: []string{"a,b", "a\tb", " x", strings.Repeat("字", 11), "🎬"}},
	}
	err := change.Check()
	require.ErrorIs(t, err, video.ErrInvalid)
	for _, want := range []string{
		`id: "a,b" holds ','`, "title", "has 130 bytes, at most 128", "1025 bytes, at most 1024",
		`"a,b" holds a comma`, `"a\tb" holds a tab or a line break`, "blanks around it", "33 bytes, at most 32", "U+1F3AC",
	} {
		require.ErrorContains(t, err, want)
	}
}

// A moment whose year JSON cannot hold would fail everything that is written down
// together with it.
func TestCheckRefusesTimesThatCannotBeWrittenDown(t *testing.T) {
	title, east, west := "x", time.FixedZone("", 3600), time.FixedZone("", -3600)
	for name, at := range map[string]time.Time{
		"10000 in UTC": time.Date(9999, 12, 31, 23, 30, 0, 0, west), "0 in UTC": time.Date(1, 1, 1, 0, 30, 0, 0, east),
	} {
		err := video.Change{ID: "a", Set: video.Fields{Title: &title}, IssuedAt: at}.Check()
		require.ErrorIs(t, err, video.ErrInvalid, name)
		require.ErrorContains(t, err, "issuedAt: the year "+strings.Fields(name)[0])
		require.ErrorContains(t, video.Change{ID: "a", IfUnmodifiedSince: at}.Check(), "ifUnmodifiedSince: the year")
	}
	require.NoError(t, video.Change{ID: "a", IssuedAt: time.Date(9999, 12, 31, 23, 30, 0, 0, time.UTC)}.Check())
}

func TestCheckAcceptsTheLimits(t *testing.T) {
	title, empty := strings.Repeat("x", 128), ""
	tags := make([]string, 16)
	for i := range tags {
		tags[i] = strings.Repeat(string(rune('a'+i)), 32)
	}
	for name, change := range map[string]video.Change{
		"title of 128 bytes": {ID: "a1", Set: video.Fields{Title: &title}},
		"clearing":           {ID: "a1", Set: video.Fields{Title: &empty, Description: &empty}, Tags: video.TagEdit{Set: &[]string{}}},
		"16 tags":            {ID: "a1", Tags: video.TagEdit{Set: &tags}},
		"an image":           {ID: "a1", Kind: video.KindImage, Set: video.Fields{Title: &title}},
	} {
		require.NoError(t, change.Check(), name)
	}
}

func TestTagEditLaws(t *testing.T) {
	tag := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
	list := rapid.SliceOf(tag)
	rapid.Check(t, func(t *rapid.T) {
		have := video.SplitTags(video.JoinTags(list.Draw(t, "have")))
		before := video.JoinTags(have)
		edit := video.TagEdit{Add: list.Draw(t, "add"), Remove: list.Draw(t, "remove")}
		once := edit.Apply(have)
		require.Equal(t, before, video.JoinTags(have), "the list it was given is untouched")
		require.ElementsMatch(t, once, edit.Apply(once), "twice is once")
		for _, tag := range edit.Add {
			require.Contains(t, once, tag, "adding beats removing")
		}
		require.ElementsMatch(t, once, video.SplitTags(video.JoinTags(once)), "tags survive the wire")
	})
}

func TestALengthIsToTheMicrosecond(t *testing.T) {
	for seconds, want := range map[float64]time.Duration{
		4.004: 4004 * time.Millisecond, 0.0000004: 0, 0.0000006: time.Microsecond, 1e9: 1e9 * time.Second,
		0: 0, -1: 0, 1e9 + 1: 0, math.Inf(1): 0, math.NaN(): 0,
	} {
		require.Equal(t, want, video.Length(seconds), "%v", seconds)
	}
}

func TestResultOf(t *testing.T) {
	require.Equal(t, video.Done, video.ResultOf(nil))
	require.Equal(t, video.Missing, video.ResultOf(video.ErrNotFound))
	require.Equal(t, video.Unknown, video.ResultOf(video.ErrUnknownOutcome))
	require.Equal(t, video.Deferred, video.ResultOf(video.ErrDeferred))
	require.Equal(t, video.Failed, video.ResultOf(video.ErrThrottled))
}
