package vod_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	osscredentials "github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// TestContract is what the client relies on, and a list of what the documentation
// leaves open with what the account answered. It runs on the emulator, once with
// each choice where the documentation is silent, and on a real account when
// VOD_CONTRACT_LIVE=1 and the ALIBABA_CLOUD_ variables are set. It deletes what it
// creates and touches nothing else.
func TestContract(t *testing.T) {
	t.Run("emulator", func(t *testing.T) { contract(t, emulator(t, fakevod.Doubtful{})) })
	t.Run("emulator, the other choices", func(t *testing.T) {
		contract(t, emulator(t, fakevod.Doubtful{
			EmptyIgnored: true, PartialInvalid: true, UpdateAllUnknown404: true, SourceGoneNotFound: true, MezzaninesAllUnknown404: true,
			StreamsSkipUnknown: true, DeleteImageSkipsUnknown: true, EmptyListNotFound: true, PastWindowEmpty: true, BareOr: true,
			FuzzyWord: true, CreateInBytes: true, StringNumbers: true, PlayOutputCDN: true,
		}))
	})
	if os.Getenv("VOD_CONTRACT_LIVE") == "1" {
		t.Run("live", func(t *testing.T) { contract(t, live(t)) })
	}
}

// account is one place to run the suite on.
type account struct {
	client *vod.Client
	raw    *sdk.Client // asks what our client refuses to ask
	facts  []string
}

func emulator(t *testing.T, doubtful fakevod.Doubtful) *account {
	c := localcloud.RunT(t, localcloud.Options{Tune: func(s *localcloud.Services) { s.VOD.Doubtful, s.VOD.RateScale = doubtful, -1 }})
	env := c.Env()
	return newAccount(t, env["ALIBABA_CLOUD_REGION"], env["VOD_ENDPOINT"], env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "", 1)
}

func live(t *testing.T) *account {
	region := cmp.Or(os.Getenv("ALIBABA_CLOUD_REGION"), "cn-shanghai")
	return newAccount(t, region, cmp.Or(os.Getenv("VOD_ENDPOINT"), "https://vod."+region+".aliyuncs.com"),
		os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"), os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"), os.Getenv("ALIBABA_CLOUD_SECURITY_TOKEN"), 0.25)
}

func newAccount(t *testing.T, region, endpoint, id, secret, token string, share float64) *account {
	client, err := vod.New(vod.Config{Region: region, Endpoint: endpoint, Credentials: vod.Static(id, secret, token), Share: share})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	base, err := url.Parse(endpoint)
	require.NoError(t, err)
	raw, err := sdk.NewClientWithOptions(region, sdk.NewConfig().WithScheme(strings.ToUpper(base.Scheme)), credentials.NewStsTokenCredential(id, secret, token))
	require.NoError(t, err)
	raw.Domain = base.Host
	return &account{client: client, raw: raw}
}

// ask makes a call by hand and answers its status, code and body.
func (a *account) ask(t *testing.T, op string, params ...string) (status int, code string, body map[string]any) {
	t.Helper()
	req := requests.NewCommonRequest()
	req.Product, req.Version, req.ApiName, req.Method, req.Domain = "vod", "2017-03-21", op, "POST", a.raw.Domain
	for i := 0; i < len(params); i += 2 {
		req.QueryParams[params[i]] = params[i+1]
	}
	answer, err := a.raw.ProcessCommonRequest(req)
	var refused *sdkerrors.ServerError
	if errors.As(err, &refused) {
		return refused.HttpStatus(), refused.ErrorCode(), nil
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(answer.GetHttpContentBytes(), &body))
	return answer.GetHttpStatus(), "", body
}

// fact notes an answer to a question that the documentation leaves open.
func (a *account) fact(question, format string, answer ...any) {
	a.facts = append(a.facts, question+": "+fmt.Sprintf(format, answer...))
}

// said is an answer in a few words.
func said(status int, code string) string {
	return strings.TrimSpace(fmt.Sprintf("HTTP %d %s", status, code))
}

func (a *account) put(t *testing.T, u vod.Upload, body []byte) {
	t.Helper()
	config := oss.LoadDefaultConfig().WithRegion("cn-shanghai").WithEndpoint(u.Endpoint).
		WithUsePathStyle(strings.Contains(u.Endpoint, "127.0.0.1")).
		WithCredentialsProvider(osscredentials.NewStaticCredentialsProvider(u.Key, u.Secret.Reveal(), u.Token.Reveal()))
	_, err := oss.NewClient(config).PutObject(t.Context(), &oss.PutObjectRequest{Bucket: oss.Ptr(u.Bucket), Key: oss.Ptr(u.Object), Body: bytes.NewReader(body)})
	require.NoError(t, err)
}

// video uploads one and waits until it plays.
func (a *account) video(t *testing.T, title string, tags ...string) video.ID {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "testdata", "media", "landscape.mp4"))
	require.NoError(t, err)
	u, err := a.client.CreateVideo(t.Context(), vod.NewMedia{FileName: "contract.mp4", Title: title, Tags: tags})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := a.client.DeleteVideos(context.WithoutCancel(t.Context()), []video.ID{u.ID})
		require.NoError(t, err)
	})
	a.put(t, u, body)
	a.eventually(t, "the video plays", func() bool {
		v, err := a.client.Video(t.Context(), u.ID)
		return err == nil && v.Status == video.StatusNormal && v.Duration > 0
	})
	return u.ID
}

func (a *account) image(t *testing.T, title string) video.ID {
	t.Helper()
	var body bytes.Buffer
	require.NoError(t, png.Encode(&body, image.NewGray(image.Rect(0, 0, 3, 2))))
	u, err := a.client.CreateImage(t.Context(), vod.NewMedia{FileName: "contract.png", Title: title})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := a.client.DeleteImages(context.WithoutCancel(t.Context()), []video.ID{u.ID})
		require.NoError(t, err)
	})
	a.put(t, u, body.Bytes())
	a.eventually(t, "the image is there", func() bool {
		i, err := a.client.Image(t.Context(), u.ID)
		return err == nil && i.Status != "Uploading"
	})
	return u.ID
}

func (a *account) eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !holds(); <-time.After(50 * time.Millisecond) {
		require.True(t, time.Now().Before(end), what)
	}
}

// unknown is an id that names nothing.
const unknown video.ID = "00000000000000000000000000c0ffee"

func contract(t *testing.T, a *account) {
	ctx := t.Context()
	c := a.client
	before := time.Now().Add(-10 * time.Minute)
	tag := fmt.Sprintf("contract%d", time.Now().UnixNano())
	one, two := a.video(t, "first film", tag, "a"), a.video(t, "second film", tag)

	// Reading.
	v, err := c.Video(ctx, one)
	require.NoError(t, err)
	require.Equal(t, "first film", v.Title)
	require.ElementsMatch(t, []string{tag, "a"}, v.Tags)
	require.Positive(t, v.Size)
	require.False(t, v.Created.IsZero())
	_, err = c.Video(ctx, unknown)
	require.ErrorIs(t, err, video.ErrNotFound)
	videos, err := c.Videos(ctx, []video.ID{two, unknown, one})
	require.NoError(t, err)
	require.Equal(t, "second film", videos[0].Value.Title)
	require.ErrorIs(t, videos[1].Err, video.ErrNotFound)
	require.Equal(t, "first film", videos[2].Value.Title)
	for _, read := range []func() error{
		func() error { all, err := c.Videos(ctx, []video.ID{unknown}); return cmp.Or(err, all[0].Err) },
		func() error { all, err := c.Media(ctx, []video.ID{unknown}); return cmp.Or(err, all[0].Err) },
		func() error { all, err := c.Images(ctx, []video.ID{unknown}); return cmp.Or(err, all[0].Err) },
		func() error { _, err := c.Source(ctx, unknown); return err },
		func() error { _, err := c.Streams(ctx, unknown); return err },
		func() error { _, err := c.Image(ctx, unknown); return err },
	} {
		require.ErrorIs(t, read(), video.ErrNotFound)
	}
	media, err := c.Media(ctx, []video.ID{one})
	require.NoError(t, err)
	require.NoError(t, media[0].Err)
	require.NotNil(t, media[0].Value.Source)
	source, err := c.Source(ctx, one)
	require.NoError(t, err)
	require.False(t, source.Gone())
	require.NotEmpty(t, source.VideoCodec)
	require.Equal(t, source.Width, media[0].Value.Source.Width)
	streams, err := c.Streams(ctx, one)
	require.NoError(t, err)
	require.NotEmpty(t, streams)
	require.NotEmpty(t, streams[0].Job)
	_, err = c.Snapshots(ctx, one, "NormalSnapshot")
	require.NoError(t, err)
	_, err = c.Categories(ctx)
	require.NoError(t, err)
	_, err = c.Callback(ctx)
	require.NoError(t, err)
	played, err := c.TopVideos(ctx, time.Now().AddDate(0, 0, -2))
	require.NoError(t, err)
	require.NotContains(t, played, unknown)

	// Searching.
	query := video.Query{CreatedFrom: before, Tags: []string{tag}}
	a.eventually(t, "the search finds both", func() bool {
		found := map[video.ID]bool{}
		for f, err := range c.Search(ctx, query) {
			require.NoError(t, err)
			found[f.Video.ID] = true
		}
		return len(found) == 2 && found[one] && found[two]
	})
	a.eventually(t, "the list shows both", func() bool {
		found := map[video.ID]bool{}
		for v, err := range c.List(ctx, query) {
			require.NoError(t, err)
			found[v.ID] = true
		}
		return len(found) == 2 && found[one] && found[two]
	})
	for v, err := range c.List(ctx, video.Query{CreatedFrom: time.Now().Add(24 * time.Hour)}) {
		require.NoError(t, err, "none is an empty list")
		require.Empty(t, v)
	}

	// Writing.
	out, err := c.Update(ctx, []video.Update{
		{ID: one, Fields: video.Fields{Title: text("第一部片")}, Tags: &[]string{tag, "b"}},
		{ID: unknown, Fields: video.Fields{Title: text("nothing")}},
	})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Missing}, resultsOf(out))
	require.NoError(t, c.UpdateOne(ctx, video.Update{ID: one, Fields: video.Fields{Description: text("words")}}))
	v, err = c.Video(ctx, one)
	require.NoError(t, err)
	require.Equal(t, "第一部片", v.Title)
	require.Equal(t, "words", v.Description)
	require.ElementsMatch(t, []string{tag, "b"}, v.Tags)
	out, err = c.Update(ctx, []video.Update{{ID: unknown, Fields: video.Fields{Title: text("nothing")}}})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Missing}, resultsOf(out))
	require.ErrorIs(t, c.UpdateOne(ctx, video.Update{ID: unknown, Fields: video.Fields{Title: text("x")}}), video.ErrNotFound)

	picture, second := a.image(t, "a picture"), a.image(t, "another")
	out, err = c.UpdateImages(ctx, []video.Update{{ID: picture, Fields: video.Fields{Title: text("renamed")}, Tags: &[]string{tag}}, {ID: unknown, Tags: &[]string{tag}}})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Missing}, resultsOf(out))
	images, err := c.Images(ctx, []video.ID{unknown, picture})
	require.NoError(t, err)
	require.ErrorIs(t, images[0].Err, video.ErrNotFound)
	require.Equal(t, "renamed", images[1].Value.Title)
	a.eventually(t, "the search finds the image", func() bool {
		for f, err := range c.Search(ctx, video.Query{Kind: video.KindImage, Tags: []string{tag}, CreatedFrom: before}) {
			require.NoError(t, err)
			return f.Image.ID == picture
		}
		return false
	})

	a.questions(t, one, two, second, tag, streams)

	// Deleting.
	out, err = c.DeleteSources(ctx, []video.ID{two, unknown}, true)
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Missing}, resultsOf(out))
	source, err = c.Source(ctx, two)
	require.NoError(t, err)
	require.True(t, source.Gone())
	left, err := c.Streams(ctx, two)
	require.NoError(t, err)
	require.NotEmpty(t, left)
	out, err = c.DeleteStreams(ctx, two, []string{left[0].Job, string(unknown)})
	require.NoError(t, err)
	require.Equal(t, video.Done, out[0].Result)
	require.Contains(t, []video.Result{video.Done, video.Missing}, out[1].Result)
	out, err = c.DeleteImages(ctx, []video.ID{picture})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done}, resultsOf(out))
	_, err = c.Image(ctx, picture)
	require.ErrorIs(t, err, video.ErrNotFound)
	out, err = c.DeleteVideos(ctx, []video.ID{one, unknown, two})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Done, video.Missing, video.Done}, resultsOf(out))
	out, err = c.DeleteVideos(ctx, []video.ID{one, two})
	require.NoError(t, err)
	require.Equal(t, []video.Result{video.Missing, video.Missing}, resultsOf(out))

	t.Logf("what the documentation leaves open, and this account's answers:\n  %s", strings.Join(a.facts, "\n  "))
}

// questions asks what section 8 of the provider's documentation leaves open.
func (a *account) questions(t *testing.T, one, two, second video.ID, tag string, streams []video.Stream) {
	ctx := t.Context()
	c := a.client
	now := func(id video.ID) video.Video {
		v, err := c.Video(ctx, id)
		require.NoError(t, err)
		return v
	}

	require.NoError(t, c.UpdateOne(ctx, video.Update{ID: one, Fields: video.Fields{Description: text("")}}))
	a.fact("1 an empty Description in UpdateVideoInfo", "leaves %q of %q", now(one).Description, "words")
	_, err := c.Update(ctx, []video.Update{{ID: one, Tags: &[]string{}}})
	require.NoError(t, err)
	a.fact("1 empty Tags in UpdateVideoInfos", "leaves %d of 2", len(now(one).Tags))

	long := strings.Repeat("x", 129)
	status, code, _ := a.ask(t, "UpdateVideoInfos", "UpdateContent", fmt.Sprintf(`[{"VideoId":"%s","Title":"%s"},{"VideoId":"%s","Title":"good"}]`, one, long, two))
	a.fact("2 one item with a title of 129 bytes among two", "%s; the other is %q", said(status, code), now(two).Title)
	item := fmt.Sprintf(`{"VideoId":"%s","Title":"x"}`, unknown)
	status, code, _ = a.ask(t, "UpdateVideoInfos", "UpdateContent", "["+item+strings.Repeat(","+item, 20)+"]")
	a.fact("2 21 items in UpdateVideoInfos", "%s", said(status, code))
	status, code, _ = a.ask(t, "UpdateVideoInfos", "UpdateContent", fmt.Sprintf(`[{"VideoId":"%s","Title":"earlier"},{"VideoId":"%s","Title":"later"}]`, two, two))
	a.fact("2 two items for one video", "%s; it is %q", said(status, code), now(two).Title)
	status, code, body := a.ask(t, "UpdateVideoInfos", "UpdateContent", "["+item+"]")
	a.fact("2 only unknown videos in UpdateVideoInfos", "%s %v", said(status, code), body["NonExistVideoIds"])

	status, code, _ = a.ask(t, "UpdateVideoInfo", "VideoId", string(one), "Title", long)
	a.fact("3 a title of 129 bytes", "%s", said(status, code))
	status, code, _ = a.ask(t, "UpdateVideoInfo", "VideoId", string(one), "Tags", "t"+strings.Repeat(",t", 16))
	a.fact("3 17 tags", "%s", said(status, code))

	status, code, _ = a.ask(t, "DeleteStream", "VideoId", string(one), "JobIds", string(unknown)+","+streams[0].Job)
	left, err := c.Streams(ctx, one)
	require.NoError(t, err)
	a.fact("4 an unknown and a known job in DeleteStream", "%s; %d of %d streams left", said(status, code), len(left), len(streams))
	var jobs []string
	for _, s := range left {
		jobs = append(jobs, s.Job)
	}
	_, err = c.DeleteStreams(ctx, one, jobs)
	require.NoError(t, err)
	status, code, _ = a.ask(t, "GetPlayInfo", "VideoId", string(one))
	a.fact("4 after the last stream is deleted", "status %s, GetPlayInfo %s", now(one).Status, said(status, code))

	status, code, body = a.ask(t, "DeleteMezzanines", "VideoIds", string(unknown))
	a.fact("5 DeleteMezzanines of only unknown videos", "%s %v", said(status, code), body["NonExistVideoIds"])
	_, err = c.DeleteSources(ctx, []video.ID{one}, true)
	require.NoError(t, err)
	status, code, body = a.ask(t, "GetMezzanineInfo", "VideoId", string(one))
	mezzanine, _ := body["Mezzanine"].(map[string]any)
	a.fact("5 GetMezzanineInfo after DeleteMezzanines", "%s %v", said(status, code), mezzanine["Status"])
	status, code, body = a.ask(t, "DeleteMezzanines", "VideoIds", string(one), "Force", "true")
	a.fact("5 DeleteMezzanines again", "%s, unknown %v, unremovable %v", said(status, code), body["NonExistVideoIds"], body["UnRemoveableVideoIds"])

	search := func(match string) string {
		status, code, body := a.ask(t, "SearchMedia", "Match", match, "PageSize", "1")
		return fmt.Sprintf("%s, total %v", said(status, code), body["Total"])
	}
	a.fact("6 half of a tag", "%s", search(fmt.Sprintf("Tags='%s'", tag[:len(tag)-2])))
	a.fact("6 AND in upper case", "%s", search(fmt.Sprintf("Tags='%s' AND Status in ('Normal')", tag)))
	a.fact("6 or without parentheses", "%s", search(fmt.Sprintf("Tags='%s' or VideoId='%s'", tag, two)))
	a.fact("6 a quote inside the other kind", "%s", search(`Title="it's"`))
	status, code, _ = a.ask(t, "SearchMedia", "PageNo", "51", "PageSize", "100")
	a.fact("6 SearchMedia past 5,000 without a token", "%s", said(status, code))

	created := now(two).Created
	list := func(from, to time.Time) any {
		status, code, body := a.ask(t, "GetVideoList", "StartTime", from.Format(time.RFC3339), "EndTime", to.Format(time.RFC3339), "PageSize", "100")
		wrapped, _ := body["VideoList"].(map[string]any)
		videos, _ := wrapped["Video"].([]any)
		for _, v := range videos {
			if v.(map[string]any)["VideoId"] == string(two) {
				return "included"
			}
		}
		return strings.TrimSuffix("left out, "+said(status, code), ", HTTP 200")
	}
	a.fact("7 GetVideoList, created at StartTime", "%v", list(created, created.Add(2*time.Second)))
	a.fact("7 GetVideoList, created at EndTime", "%v", list(created.Add(-2*time.Second), created))
	status, code, _ = a.ask(t, "GetVideoList", "StartTime", "2001-01-01T00:00:00Z", "EndTime", "2001-01-02T00:00:00Z")
	a.fact("7 GetVideoList without a hit", "%s", said(status, code))

	status, code, _ = a.ask(t, "DeleteImage", "DeleteImageType", "ImageId", "ImageIds", string(unknown)+","+string(second))
	_, err = c.Image(ctx, second)
	a.fact("8 an unknown and a known image in DeleteImage", "%s; the known one is gone: %v", said(status, code), errors.Is(err, video.ErrNotFound))

	_, _, body = a.ask(t, "GetPlayInfo", "VideoId", string(two))
	base, _ := body["VideoBase"].(map[string]any)
	a.fact("10 GetPlayInfo's default OutputType", "%v", base["OutputType"])

	var many []string
	for _, id := range ids(21) {
		many = append(many, string(id))
	}
	for _, op := range [][2]string{{"GetVideoInfos", "VideoIds"}, {"BatchGetMediaInfos", "MediaIds"}, {"GetImageInfos", "ImageIds"}} {
		status, code, _ = a.ask(t, op[0], op[1], strings.Join(many, ","))
		few, fewCode, _ := a.ask(t, op[0], op[1], string(unknown))
		a.fact(op[0], "21 ids %s, only unknown ids %s", said(status, code), said(few, fewCode))
	}
	_, _, body = a.ask(t, "GetVideoInfos", "VideoIds", string(two)+","+string(one)+","+string(two))
	listed, _ := body["VideoList"].([]any)
	a.fact("GetVideoInfos of b, a, b", "%d videos, the first is b: %v", len(listed), len(listed) > 0 && listed[0].(map[string]any)["VideoId"] == string(two))

	item = fmt.Sprintf(`{"VideoId":"%s","Description":"%s"}`, unknown, strings.Repeat("字", 341))
	status, code, _ = a.ask(t, "UpdateVideoInfos", "UpdateContent", "["+item+strings.Repeat(","+item, 9)+"]")
	a.fact("11 a URL of 90 kB", "%s", said(status, code))
}
