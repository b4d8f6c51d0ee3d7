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
	"vodcurator/shared/vod"
)

func TestMediaJoinsSourceAndStreams(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		return ok(map[string]any{"MediaInfos": []any{map[string]any{
			"MediaId":       "v",
			"MediaInfo":     map[string]any{"MediaId": "v", "Title": "t", "Tags": "a", "Status": "Blocked", "CreationTime": "2026-01-02T03:04:05Z"},
			"MezzanineInfo": map[string]any{"MediaId": "v", "Status": "Normal", "FileMD5": "2b00", "Size": 10, "Duration": "1.5", "Width": 1920, "Height": 1080, "Fps": "25", "Bitrate": "800.5", "VideoStreamList": []any{map[string]any{"CodecName": "h264", "Rotate": "90"}}, "AudioStreamList": []any{map[string]any{"CodecName": "aac"}}},
			"PlayInfoList":  []any{map[string]any{"JobId": "j", "Definition": "HD", "Format": "mp4", "Size": 5, "Encrypt": 1, "CreationTime": "2026-01-02T03:05:05Z", "Status": "Invisible"}},
		}}, "NonExistMediaIds": []string{"gone"}, "ForbiddenMediaIds": []string{"others"}})
	})
	answers, err := s.client(t).Media(t.Context(), []video.ID{"v", "gone", "others", "left"})
	require.NoError(t, err)
	require.Equal(t, video.Media{
		Video:   video.Video{ID: "v", Kind: video.KindVideo, Title: "t", Tags: []string{"a"}, Status: video.StatusBlocked, Size: 10, Duration: 1500 * time.Millisecond, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		Source:  &video.Source{Status: "Normal", MD5: "2b00", Size: 10, Duration: 1500 * time.Millisecond, Width: 1920, Height: 1080, Rotation: 90, FPS: 25, Bitrate: 800.5, VideoCodec: "h264", AudioCodec: "aac"},
		Streams: []video.Stream{{Job: "j", Definition: "HD", Format: "mp4", Size: 5, Encrypted: true, Status: "Invisible", Created: time.Date(2026, 1, 2, 3, 5, 5, 0, time.UTC)}},
	}, answers[0].Value)
	require.ErrorIs(t, answers[1].Err, video.ErrNotFound)
	require.ErrorIs(t, answers[2].Err, video.ErrForbidden)
	require.ErrorIs(t, answers[3].Err, video.ErrTransient, "what the answer leaves out is not missing")
}

// Sar is the shape of a pixel and Dar that of the picture, as ffprobe words them.
func TestTheAspectOfStretchedPixels(t *testing.T) {
	for _, c := range []struct {
		sar, dar string
		want     float64
	}{
		{"", "", 0}, {"1:1", "15:16", 0}, {"1:1", "", 0}, {"0:1", "0:1", 0}, {"N/A", "N/A", 0}, {"1:0", "x:y", 0}, {"-4:3", "16:-9", 0}, {"1:1000", "1e9:1", 0},
		{"256:135", "16:9", 16. / 9}, {"256:135", "", 16. / 9}, {"", "16:9", 16. / 9}, {"0:1", "16/9", 16. / 9}, {"15:16", "225:256", 225. / 256},
		{"1:1", "16:9", -1}, {"256:135", "4:3", -1}, {"256:135", "1.78:1", 1.78},
	} {
		s := serve(t, func(r request) (int, string) {
			return ok(map[string]any{"MediaInfos": []any{map[string]any{
				"MediaId": "v", "MediaInfo": map[string]any{"MediaId": "v", "Status": "Normal"},
				"MezzanineInfo": map[string]any{"MediaId": "v", "Status": "Normal", "Width": 600, "Height": 640,
					"VideoStreamList": []any{map[string]any{"CodecName": "h264", "Sar": c.sar, "Dar": c.dar}}},
			}}})
		})
		answers, err := s.client(t).Media(t.Context(), []video.ID{"v"})
		require.NoError(t, err)
		require.InDelta(t, c.want, answers[0].Value.Source.Aspect, 1e-4, c)
	}
}

// An answer that leaves out the pictures of a film is not about a sound.
func TestAFilmWhosePicturesAreNotToldIsNoSound(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		of := func(id string) map[string]any {
			return map[string]any{"MediaId": id, "Status": "Normal", "AudioStreamList": []any{map[string]any{"CodecName": "aac"}}}
		}
		return ok(map[string]any{"MediaInfos": []any{
			map[string]any{"MediaId": "film", "MediaInfo": map[string]any{}, "MezzanineInfo": of("film"), "PlayInfoList": []any{map[string]any{"JobId": "j", "StreamType": "video", "Height": 720}}},
			map[string]any{"MediaId": "sound", "MediaInfo": map[string]any{}, "MezzanineInfo": of("sound"), "PlayInfoList": []any{map[string]any{"JobId": "j", "StreamType": "audio"}}},
		}})
	})
	answers, err := s.client(t).Media(t.Context(), []video.ID{"film", "sound"})
	require.NoError(t, err)
	require.Equal(t, video.KindVideo, answers[0].Value.Kind)
	require.Equal(t, video.KindAudio, answers[1].Value.Kind)
}

// No list is no answer; an empty one says that there are no streams.
func TestStreamsThatAreNotToldOfAreNotNone(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		return ok(map[string]any{"MediaInfos": []any{
			map[string]any{"MediaId": "silent", "MediaInfo": map[string]any{}},
			map[string]any{"MediaId": "null", "MediaInfo": map[string]any{}, "PlayInfoList": nil},
			map[string]any{"MediaId": "none", "MediaInfo": map[string]any{}, "PlayInfoList": []any{}},
		}})
	})
	answers, err := s.client(t).Media(t.Context(), []video.ID{"silent", "null", "none"})
	require.NoError(t, err)
	for i, want := range [][]video.Stream{nil, nil, {}} {
		require.Equal(t, want, answers[i].Value.Streams, answers[i].ID)
		text, err := json.Marshal(answers[i].Value)
		require.NoError(t, err)
		var again video.Media
		require.NoError(t, json.Unmarshal(text, &again))
		require.Equal(t, want, again.Streams, "nor in a snapshot: %s", text)
	}
}

func TestWhatIsGoneOfAMediaThatStays(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		if r.op == "GetPlayInfo" {
			return refuse(http.StatusNotFound, "InvalidVideo.NoneStream")
		}
		return refuse(http.StatusNotFound, "InvalidFile.NotFound")
	})
	c := s.client(t)
	streams, err := c.Streams(t.Context(), "v")
	require.NoError(t, err)
	require.Empty(t, streams)
	require.Equal(t, "Multiple", s.calls("GetPlayInfo")[0].params.Get("ResultType"))
	source, err := c.Source(t.Context(), "v")
	require.NoError(t, err)
	require.True(t, source.Gone())
}

func TestImages(t *testing.T) {
	image := map[string]any{"ImageId": "i", "Title": "t", "Tags": "a,b", "ImageType": "default", "URL": "http://h/i.png", "CreationTime": "2026-01-02T03:04:05Z", "Mezzanine": map[string]any{"FileSize": "12", "Width": 3, "Height": 4, "OriginalFileName": "i.png"}}
	s := serve(t, func(r request) (int, string) {
		switch r.op {
		case "GetImageInfo":
			return ok(map[string]any{"ImageInfo": image})
		case "GetImageInfos":
			return ok(map[string]any{"ImageInfo": []any{image}, "NonExistImageIds": []string{"gone"}})
		}
		return ok(map[string]any{"NonExistImageIds": map[string]any{"ImageId": []string{"gone"}}})
	})
	c := s.client(t)
	want := video.Image{ID: "i", Title: "t", Tags: []string{"a", "b"}, Type: "default", URL: "http://h/i.png", FileName: "i.png", Size: 12, Width: 3, Height: 4, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	got, err := c.Image(t.Context(), "i")
	require.NoError(t, err)
	require.Equal(t, want, got)
	answers, err := c.Images(t.Context(), []video.ID{"gone", "i"})
	require.NoError(t, err)
	require.Equal(t, want, answers[1].Value)
	require.ErrorIs(t, answers[0].Err, video.ErrNotFound)
	out, err := c.UpdateImages(t.Context(), []video.Update{{ID: "i", Tags: &[]string{"x"}}, {ID: "gone", Kind: video.KindImage, Tags: &[]string{}}, {ID: "v", Kind: video.KindVideo, Tags: &[]string{}}, {ID: "c", Fields: video.Fields{Cover: text("http://c")}}})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Missing, video.Rejected, video.Rejected}, resultsOf(out))
	require.JSONEq(t, `[{"ImageId":"i","Tags":"x"},{"ImageId":"gone","Tags":""}]`, s.calls("UpdateImageInfos")[0].params.Get("UpdateContent"))
}

func TestBothPublishedFormsAreRead(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		if r.op == "GetVideoInfos" {
			return ok(map[string]any{"VideoList": []any{
				map[string]any{"VideoId": "a", "Title": "t", "ThumbnailList": []any{map[string]any{"URL": "u"}}},
				map[string]any{"VideoId": "b", "Size": "12", "ThumbnailList": map[string]any{"Thumbnail": []any{}}, "Snapshots": []string{"s"}},
			}})
		}
		return ok(map[string]any{"NonExistImageIds": []string{"gone"}})
	})
	c := s.client(t)
	videos, err := c.Videos(t.Context(), []video.ID{"a", "b"})
	require.NoError(t, err)
	require.Equal(t, "t", videos[0].Value.Title)
	require.Equal(t, int64(12), videos[1].Value.Size)
	require.Equal(t, []string{"s"}, videos[1].Value.Snapshots)
	out, err := c.UpdateImages(t.Context(), []video.Update{{ID: "gone", Tags: &[]string{"x"}}, {ID: "i", Tags: &[]string{"x"}}})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Missing, video.Done}, resultsOf(out))
}

func TestCategoriesAreReadAsATree(t *testing.T) {
	children := map[string][]any{"-1": {}, "1": {}}
	for i := 1; i <= 120; i++ {
		total := 0
		if i == 1 {
			total = 1
		}
		children["-1"] = append(children["-1"], map[string]any{"CateId": i, "CateName": fmt.Sprint("c", i), "ParentId": -1, "Level": 0, "SubTotal": total})
	}
	children["1"] = append(children["1"], map[string]any{"CateId": 1000, "CateName": "leaf", "ParentId": 1, "Level": 1})
	s := serve(t, func(r request) (int, string) {
		all := children[r.params.Get("CateId")]
		list := all[:min(100, len(all))]
		if r.params.Get("PageNo") != "1" {
			list = all[100:]
		}
		return ok(map[string]any{"SubTotal": len(all), "SubCategories": map[string]any{"Category": list}})
	})
	all, err := s.client(t).Categories(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 121)
	require.Equal(t, video.Category{ID: 1000, Name: "leaf", Parent: 1, Level: 1}, all[120])
	require.Len(t, s.calls("GetCategories"), 3)
}

func TestSnapshotsAndLabels(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		switch {
		case r.op == "GetAIVideoTagResult":
			return ok(map[string]any{"VideoTagResult": map[string]any{"Category": []any{map[string]any{"Tag": "sport"}}, "Person": []any{map[string]any{"Tag": "somebody", "FaceUrl": "http://f", "Times": []string{"1500"}}}}})
		case r.params.Get("SnapshotType") == "SpriteSnapshot":
			return refuse(http.StatusNotFound, "NoSuchResource")
		}
		return ok(map[string]any{"MediaSnapshot": map[string]any{"Total": 1, "Snapshots": map[string]any{"Snapshot": []any{map[string]any{"Index": 1, "Url": "http://s"}}}}})
	})
	c := s.client(t)
	snapshots, err := c.Snapshots(t.Context(), "v", "NormalSnapshot")
	require.NoError(t, err)
	require.Equal(t, []video.Snapshot{{Index: 1, URL: "http://s"}}, snapshots)
	snapshots, err = c.Snapshots(t.Context(), "v", "SpriteSnapshot")
	require.NoError(t, err)
	require.Empty(t, snapshots)
	_, err = c.Snapshots(t.Context(), "v", "Selfie")
	require.ErrorIs(t, err, video.ErrInvalid)
	labels, err := c.Labels(t.Context(), "v")
	require.NoError(t, err)
	require.Equal(t, []video.Label{{Kind: "category", Text: "sport"}, {Kind: "person", Text: "somebody", At: []time.Duration{1500 * time.Millisecond}}}, labels)
}

func TestStorageAnswersPerMedia(t *testing.T) {
	lists := map[string]any{"Status": "Processing", "Success": true, "IgnoredList": map[string]any{"MediaId": []string{"same"}}, "ForbiddenList": map[string]any{"MediaForbiddenReasonDTO": []any{map[string]any{"MediaId": "no", "Reason": "own bucket"}}}}
	s := serve(t, func(r request) (int, string) { return ok(lists) })
	c := s.client(t)
	out, err := c.SetStorageClass(t.Context(), []video.ID{"v", "same", "no"}, "IA", true, true)
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Unchanged, video.Forbidden}, resultsOf(out))
	require.Contains(t, out[2].Reason, "own bucket")
	require.Equal(t, "SourceFile", s.calls("UpdateMediaStorageClass")[0].params.Get("Scope"))
	require.Equal(t, "true", s.calls("UpdateMediaStorageClass")[0].params.Get("AllowUpdateWithoutTimeLimit"))
	lists["Status"] = "Failed"
	out, err = c.SetStorageClass(t.Context(), []video.ID{"v", "same", "no"}, "IA", false, false)
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Failed, video.Unchanged, video.Forbidden}, resultsOf(out))
	require.ErrorIs(t, out[0].Err, video.ErrTransient, "it may be asked for again, after another look")
	require.Equal(t, "All", s.calls("UpdateMediaStorageClass")[1].params.Get("Scope"))
	require.NotContains(t, s.calls("UpdateMediaStorageClass")[1].params, "AllowUpdateWithoutTimeLimit")
	out, err = c.Restore(t.Context(), []video.ID{"v"}, 7, false)
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done}, resultsOf(out))
	lists["Success"] = false
	out, err = c.Restore(t.Context(), []video.ID{"v"}, 7, false)
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Failed}, resultsOf(out))
	_, err = c.Restore(t.Context(), nil, 0, false)
	require.ErrorIs(t, err, video.ErrInvalid)
	_, err = c.SetStorageClass(t.Context(), nil, "Warm", false, false)
	require.ErrorContains(t, err, `"Warm"`)
}

func TestCallbackIsReadAndSet(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		return ok(map[string]any{"MessageCallback": map[string]any{"CallbackType": "HTTP", "CallbackURL": "http://h/x", "EventTypeList": "A,B", "AuthSwitch": "on", "AuthKey": testSecret}})
	})
	c := s.client(t, func(c *vod.Config) { c.App = "app-7" })
	have, err := c.Callback(t.Context())
	require.NoError(t, err)
	require.Equal(t, vod.Callback{Type: "HTTP", URL: "http://h/x", Events: []string{"A", "B"}, Key: testSecret}, have)
	noSecret(t, fmt.Sprintf("%v %+v %#v", have, have, have))

	require.NoError(t, c.SetCallback(t.Context(), vod.Callback{Type: "MNS", Endpoint: "http://e", Queue: "q", Events: []string{"ALL"}}))
	require.Equal(t, "app-7", s.calls("SetMessageCallback")[0].params.Get("AppId"))
	err = c.SetCallback(t.Context(), vod.Callback{Type: "HTTP", URL: "ftp://" + strings.Repeat("x", 260), Key: "weakkey"})
	for _, says := range []string{"events: name some", "not an http", "266 bytes, at most 256", "key: needs"} {
		require.ErrorContains(t, err, says)
	}
	require.NotContains(t, err.Error(), "weakkey")
	require.ErrorContains(t, c.SetCallback(t.Context(), vod.Callback{Type: "MNS", Off: true}), "both are needed")
	require.Len(t, s.calls("SetMessageCallback"), 1)
}

func TestRefresh(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		if r.op == "RefreshMediaPlayUrls" {
			return ok(map[string]any{"NonExistMediaIds": "gone,lost", "ForbiddenMediaIds": "others"})
		}
		if strings.Contains(r.params.Get("ObjectPath"), "quota") {
			return refuse(http.StatusBadRequest, "QuotaExceeded.Refresh")
		}
		return ok(map[string]any{"RefreshTaskId": "t"})
	})
	c := s.client(t)
	out, err := c.RefreshPlayURLs(t.Context(), []video.ID{"v", "gone", "lost", "others"})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Missing, video.Missing, video.Forbidden}, resultsOf(out))
	out, err = c.RefreshCaches(t.Context(), []string{"http://h/a.mp4?auth_key=x", "nothing"})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Rejected}, resultsOf(out))
	require.Equal(t, "http://h/a.mp4", out[0].Part)
	_, err = c.RefreshCaches(t.Context(), []string{"http://h/quota"})
	require.ErrorContains(t, err, "quota of the day")
	require.Len(t, s.calls("RefreshVodObjectCaches"), 2, "a used-up quota is not asked again")
	other := s.client(t, func(c *vod.Config) { c.Region = "eu-central-1" })
	_, err = other.RefreshCaches(t.Context(), []string{"http://h/a"})
	require.ErrorContains(t, err, "eu-central-1 does not refresh")
}
