package vod_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

func text(s string) *string { return &s }

func TestUpdateSendsOnlyWhatIsSet(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		return ok(map[string]any{"NonExistVideoIds": []string{"gone"}, "ForbiddenVideoIds": []string{"others"}})
	})
	category := int64(5)
	updates := []video.Update{
		{ID: "one", Fields: video.Fields{Title: text("<a> & 標題")}, Tags: &[]string{"x", "y"}},
		{ID: "two", Fields: video.Fields{Description: text(""), Category: &category}, Tags: &[]string{}},
		{ID: "gone", Fields: video.Fields{Title: text("t")}},
		{ID: "others", Fields: video.Fields{Title: text("t")}},
		{ID: "none"},
		{ID: "long", Fields: video.Fields{Title: text(strings.Repeat("x", 129))}},
		{ID: "image", Kind: video.KindImage, Fields: video.Fields{Title: text("t")}},
		{ID: "one", Fields: video.Fields{Cover: text("http://c")}},
	}
	out, err := s.client(t).Update(t.Context(), updates)
	require.NoError(t, err)
	var results []video.Result
	for i, o := range out {
		require.Equal(t, updates[i].ID, o.ID)
		results = append(results, o.Result)
	}
	require.Equal(t, []video.Result{video.Done, video.Done, video.Missing, video.Forbidden, video.Unchanged, video.Rejected, video.Rejected, video.Done}, results)
	sent := s.calls("UpdateVideoInfos")
	require.Len(t, sent, 1)
	require.JSONEq(t, `[{"VideoId":"one","Title":"<a> & 標題","Tags":"x,y","CoverURL":"http://c"},
		{"VideoId":"two","Description":"","Tags":"","CateId":5},
		{"VideoId":"gone","Title":"t"},{"VideoId":"others","Title":"t"}]`, sent[0].params.Get("UpdateContent"))
	require.False(t, sent[0].inBody)
}

func TestALargeUpdateTravelsInTheBody(t *testing.T) {
	s := serve(t, func(r request) (int, string) { return ok(nil) })
	var updates []video.Update
	for _, id := range ids(20) {
		updates = append(updates, video.Update{ID: id, Fields: video.Fields{Description: text(strings.Repeat("字", 341))}})
	}
	_, err := s.client(t).Update(t.Context(), updates)
	require.NoError(t, err)
	sent := s.calls("UpdateVideoInfos")
	require.Len(t, sent, 1)
	require.True(t, sent[0].inBody)
	var items []map[string]string
	require.NoError(t, json.Unmarshal([]byte(sent[0].params.Get("UpdateContent")), &items))
	require.Len(t, items, 20)
}

func TestOneBadItemDoesNotSpoilItsBatch(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		if strings.Contains(r.params.Get("UpdateContent"), "spoiler") {
			return refuse(http.StatusBadRequest, "IllegalCharacters")
		}
		return ok(nil)
	})
	var updates []video.Update
	for _, id := range append(ids(19), "spoiler") {
		updates = append(updates, video.Update{ID: id, Fields: video.Fields{Title: text("t")}})
	}
	out, err := s.client(t).Update(t.Context(), updates)
	require.NoError(t, err)
	for i, o := range out {
		if i == 19 {
			require.Equal(t, video.Rejected, o.Result)
		} else {
			require.Equal(t, video.Done, o.Result)
		}
	}
}

func TestUpdateOneClearsWhatIsEmpty(t *testing.T) {
	s := serve(t, func(r request) (int, string) { return ok(nil) })
	c := s.client(t)
	require.NoError(t, c.UpdateOne(t.Context(), video.Update{ID: "one", Fields: video.Fields{Title: text("t")}, Tags: &[]string{}}))
	sent := s.calls("UpdateVideoInfo")[0].params
	require.Equal(t, "t", sent.Get("Title"))
	require.True(t, sent.Has("Tags"), "an empty parameter is sent")
	require.Empty(t, sent.Get("Tags"))
	require.False(t, sent.Has("Description"))
}

func TestDeletesSayWhatBecameOfEach(t *testing.T) {
	s := serve(t, func(r request) (int, string) {
		switch r.op {
		case "DeleteVideo":
			return ok(map[string]any{"NonExistVideoIds": []string{"gone"}, "ForbiddenVideoIds": []string{"others"}})
		case "DeleteMezzanines":
			return ok(map[string]any{"UnRemoveableVideoIds": []string{"others"}, "NonExistVideoIds": nil})
		case "DeleteStream":
			if strings.Contains(r.params.Get("JobIds"), "gone") {
				return refuse(http.StatusNotFound, "InvalidStream.NotFound")
			}
		}
		return ok(nil)
	})
	c := s.client(t)
	out, err := c.DeleteVideos(t.Context(), []video.ID{"a", "gone", "others", "a"})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Missing, video.Forbidden, video.Done}, resultsOf(out))
	require.Equal(t, "a,gone,others", s.calls("DeleteVideo")[0].params.Get("VideoIds"), "each id once")

	out, err = c.DeleteSources(t.Context(), []video.ID{"a", "others"}, false)
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Kept}, resultsOf(out))

	out, err = c.DeleteStreams(t.Context(), "v", []string{"j1", "gone", "j2", "j3"})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Missing, video.Done, video.Done}, resultsOf(out))
	require.Equal(t, "j2", out[2].Part)

	out, err = c.DeleteImages(t.Context(), []video.ID{"i1"})
	require.NoError(t, err)
	require.Equal(t, []video.Outcome{{ID: "i1", Result: video.Done}}, out)
	require.NoError(t, c.DeleteImagesOf(t.Context(), "v", "CoverSnapshot", "SpriteSnapshot"))
	require.ErrorIs(t, c.DeleteImagesOf(t.Context(), "v"), video.ErrInvalid, "no type is not all types")
	out, err = c.DeleteImageURLs(t.Context(), []string{"http://h/a,b.png?auth_key=secret"})
	require.NoError(t, err)
	require.Equal(t, []video.Outcome{{Part: "http://h/a,b.png", Result: video.Done}}, out)
}

// A repeat would remove what was looked at before the first attempt: whoever wants
// one reads the media again.
func TestACallThatRemovesIsSentOnce(t *testing.T) {
	deletes := map[string]func(context.Context, *vod.Client) ([]video.Outcome, error){
		"videos": func(ctx context.Context, c *vod.Client) ([]video.Outcome, error) { return c.DeleteVideos(ctx, ids(2)) },
		"sources": func(ctx context.Context, c *vod.Client) ([]video.Outcome, error) {
			return c.DeleteSources(ctx, ids(2), false)
		},
		"streams": func(ctx context.Context, c *vod.Client) ([]video.Outcome, error) {
			return c.DeleteStreams(ctx, "v", []string{"j1", "j2"})
		},
		"images": func(ctx context.Context, c *vod.Client) ([]video.Outcome, error) { return c.DeleteImages(ctx, ids(2)) },
		"image URLs": func(ctx context.Context, c *vod.Client) ([]video.Outcome, error) {
			return c.DeleteImageURLs(ctx, []string{"http://h/a.png", "http://h/b.png"})
		},
		"snapshots": func(ctx context.Context, c *vod.Client) ([]video.Outcome, error) {
			err := c.DeleteImagesOf(ctx, "v", "All")
			return []video.Outcome{{Result: video.ResultOf(err)}}, err
		},
	}
	answers := map[string]struct {
		status int
		code   string
		kind   error
		result video.Result
	}{
		"throttled": {http.StatusBadRequest, "Throttling.User", video.ErrThrottled, video.Failed},
		"busy":      {http.StatusForbidden, "ServiceBusy", video.ErrTransient, video.Failed},
		"down":      {http.StatusServiceUnavailable, "DeleteVideoFailed", video.ErrUnknownOutcome, video.Unknown},
		"cut off":   {cutOff, "", video.ErrUnknownOutcome, video.Unknown},
	}
	for what, remove := range deletes {
		for name, a := range answers {
			t.Run(what+" "+name, func(t *testing.T) {
				s := serve(t, func(request) (int, string) { return refuse(a.status, a.code) })
				out, err := remove(t.Context(), s.client(t))
				require.ErrorIs(t, err, a.kind)
				for _, result := range resultsOf(out) {
					require.Equal(t, a.result, result)
				}
				require.Equal(t, 1, s.sent(), "no second attempt")
			})
		}
	}
}

func resultsOf(out []video.Outcome) []video.Result {
	var results []video.Result
	for _, o := range out {
		results = append(results, o.Result)
	}
	return results
}
