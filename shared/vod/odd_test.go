package vod_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
)

// described is a media as BatchGetMediaInfos answers it, with one part changed.
func described(id string, change func(media, info, source map[string]any)) map[string]any {
	info := map[string]any{"MediaId": id, "Title": "t", "Status": "Normal", "CreationTime": "2026-01-02T03:04:05Z", "CoverURL": "http://h/c.jpg?auth_key=" + testToken}
	source := map[string]any{"MediaId": id, "Status": "Normal", "Size": 10, "Duration": "4.004", "FileURL": "http://h/a.mp4?Signature=" + testSecret}
	media := map[string]any{"MediaId": id, "MediaInfo": info, "MezzanineInfo": source, "PlayInfoList": []any{}}
	if change != nil {
		change(media, info, source)
	}
	return media
}

func TestAMediaOfAnotherShapeCostsOnlyItself(t *testing.T) {
	wrapped := map[string]any{"Snapshot": []string{"http://h/1.jpg?auth_key=" + testToken}}
	for name, tc := range map[string]struct {
		change func(media, info, source map[string]any)
		says   string
	}{
		"an object for a list":          {func(_, info, _ map[string]any) { info["Snapshots"] = wrapped }, "MediaInfo.Snapshots as an object, and documents a list"},
		"a list for text":               {func(_, info, _ map[string]any) { info["Tags"] = []string{"keep"} }, "MediaInfo.Tags as a list, and documents text"},
		"text for a number":             {func(_, _, source map[string]any) { source["Size"] = testSecret }, "MezzanineInfo.Size as text, and documents a whole number"},
		"a fraction for a whole number": {func(_, info, _ map[string]any) { info["CateId"] = 1.5 }, "MediaInfo.CateId as a number, and documents a whole number"},
		"no MediaInfo":                  {func(media, _, _ map[string]any) { delete(media, "MediaInfo") }, "VOD answers no MediaInfo"},
		"a stream that is a number":     {func(media, _, _ map[string]any) { media["PlayInfoList"] = []any{7} }, "PlayInfoList as a number, and documents an object"},
		"a size of a stream":            {func(media, _, _ map[string]any) { media["PlayInfoList"] = []any{map[string]any{"Size": []int{1}}} }, "PlayInfoList.Size as a list, and documents a whole number"},
		"parts of another media":        {func(_, _, source map[string]any) { source["MediaId"] = "another" }, "another media inside"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(r request) (int, string) {
				var all []any
				for id := range strings.SplitSeq(r.params.Get("MediaIds"), ",") {
					if id == "odd" {
						all = append(all, described(id, tc.change))
					} else {
						all = append(all, described(id, nil))
					}
				}
				return ok(map[string]any{"MediaInfos": all})
			})
			answers, err := s.client(t).Media(t.Context(), []video.ID{"a", "odd", "b"})
			require.NoError(t, err)
			require.NoError(t, answers[0].Err)
			require.NoError(t, answers[2].Err)
			require.Equal(t, "t", answers[2].Value.Title)
			require.ErrorIs(t, answers[1].Err, video.ErrInvalid)
			require.False(t, video.Passing(answers[1].Err), "it will be so tomorrow")
			require.ErrorContains(t, answers[1].Err, "media odd: ")
			require.ErrorContains(t, answers[1].Err, tc.says)
			require.Equal(t, video.Media{}, answers[1].Value)
			noSecret(t, answers[1].Err.Error())
			require.NotContains(t, answers[1].Err.Error(), "auth_key")
			require.Equal(t, 1, s.sent())
		})
	}
}

func TestAMediaThatIsAnsweredTwiceIsNotBelieved(t *testing.T) {
	s := serve(t, func(request) (int, string) {
		return ok(map[string]any{"MediaInfos": []any{described("a", nil), described("b", nil), described("a", func(_, info, _ map[string]any) { info["Tags"] = "keep" })}})
	})
	answers, err := s.client(t).Media(t.Context(), []video.ID{"a", "b"})
	require.NoError(t, err)
	require.ErrorContains(t, answers[0].Err, "twice")
	require.NoError(t, answers[1].Err)
}

// One title that is not escaped makes the answer about all twenty no JSON.
func TestAnAnswerThatIsNoJSONIsTheFaultOfOneMedia(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		asked := strings.Split(r.params.Get("MediaIds"), ",")
		var all []any
		for _, id := range asked {
			all = append(all, described(id, func(_, info, _ map[string]any) { info["Title"] = "of " + id }))
		}
		status, body := ok(map[string]any{"MediaInfos": all})
		return status, strings.ReplaceAll(body, `"of a7"`, `"of "a7"`)
	})
	asked := make([]video.ID, 40)
	for i := range asked {
		asked[i] = video.ID(fmt.Sprintf("a%d", i))
	}
	answers, err := s.client(t).Media(t.Context(), asked)
	require.NoError(t, err)
	for i, a := range answers {
		if i == 7 {
			require.ErrorIs(t, a.Err, video.ErrInvalid)
			require.False(t, video.Passing(a.Err))
			continue
		}
		require.NoError(t, a.Err)
		require.Equal(t, fmt.Sprintf("of a%d", i), a.Value.Title)
	}
}

func TestWhatVODDoesNotTellIsNotZeroNor1970(t *testing.T) {
	s := serve(t, func(request) (int, string) {
		return ok(map[string]any{"MediaInfos": []any{described("a", func(media, info, source map[string]any) {
			info["CreationTime"], info["ModificationTime"] = "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"
			source["Size"], source["Duration"], source["Width"], source["Fps"] = -1, "NaN", "", "Infinity"
			media["PlayInfoList"] = []any{map[string]any{"JobId": "j", "Size": "0", "Duration": "-3", "Height": nil, "Bitrate": "", "CreationTime": ""}}
		})}})
	})
	answers, err := s.client(t).Media(t.Context(), []video.ID{"a"})
	require.NoError(t, err)
	require.NoError(t, answers[0].Err)
	m := answers[0].Value
	require.True(t, m.Created.IsZero())
	require.True(t, m.Modified.IsZero())
	require.Equal(t, video.Source{Status: "Normal"}, *m.Source)
	require.Equal(t, []video.Stream{{Job: "j"}}, m.Streams)
}

func TestADurationIsToTheMicrosecond(t *testing.T) {
	s := serve(t, func(request) (int, string) { return ok(map[string]any{"MediaInfos": []any{described("a", nil)}}) })
	answers, err := s.client(t).Media(t.Context(), []video.ID{"a"})
	require.NoError(t, err)
	require.Equal(t, 4004*time.Millisecond, answers[0].Value.Duration)
}

// A hit that cannot be read is told with its id and time, so that who searches can
// ask about it, and the search goes on.
func TestAHitOfAnotherShapeCostsOnlyItself(t *testing.T) {
	hit := func(id, tags string, created string) map[string]any {
		return map[string]any{"MediaId": id, "CreationTime": created, "Video": map[string]any{"VideoId": id, "Tags": tags, "CreationTime": created}}
	}
	odd, timeless := hit("odd", "", "2026-01-02T03:04:06Z"), hit("timeless", "x", "")
	odd["Video"] = []any{"http://h/?Signature=" + testSecret}
	s := serve(t, func(request) (int, string) {
		return ok(map[string]any{"Total": 5, "MediaList": []any{
			hit("a", "x", "2026-01-02T03:04:05Z"), odd, timeless, map[string]any{"Title": "no id"}, hit("b", "y", "2026-01-02T03:04:07Z"),
		}})
	})
	var found []video.Found
	for f, err := range s.client(t).Search(t.Context(), video.Query{OldestFirst: true}) {
		require.NoError(t, err)
		found = append(found, f)
	}
	require.Len(t, found, 4)
	require.Equal(t, video.ID("odd"), found[1].Video.ID)
	require.Equal(t, 6, found[1].Video.Created.Second())
	require.Contains(t, found[1].Odd, "Video as a list")
	noSecret(t, found[1].Odd)
	require.True(t, found[2].Video.Created.IsZero())
	require.Empty(t, found[3].Odd)
	require.Equal(t, video.ID("b"), found[3].Video.ID)
}

func TestASearchOfWhichNoHitHasAnIDIsNoEmptyLibrary(t *testing.T) {
	s := serve(t, func(request) (int, string) {
		return ok(map[string]any{"Total": 1, "MediaList": []any{map[string]any{"Id": "a"}}})
	})
	for _, err := range s.client(t).Search(t.Context(), video.Query{}) {
		require.ErrorContains(t, err, "none of 1 hits has an id")
	}
}

func FuzzMediaOfAnyShape(f *testing.F) {
	seed, err := json.Marshal(described("a", nil))
	require.NoError(f, err)
	f.Add(string(seed))
	f.Add(`{"MediaId":"a","MediaInfo":{"Snapshots":{}},"PlayInfoList":[{"Size":1e400}]}`)
	f.Fuzz(func(t *testing.T, media string) {
		if !json.Valid([]byte(media)) {
			return
		}
		s := serve(t, func(request) (int, string) {
			return http.StatusOK, `{"RequestId":"R1","MediaInfos":[` + media + `,{"MediaId":"good","MediaInfo":{"Title":"t"}}]}`
		})
		answers, err := s.client(t).Media(t.Context(), []video.ID{"good", "a"})
		if err != nil {
			return // an error code inside
		}
		if answers[1].Err == nil {
			require.Equal(t, video.ID("a"), answers[1].Value.ID)
		}
	})
}
