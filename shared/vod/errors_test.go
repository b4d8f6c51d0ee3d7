package vod_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// badAnswers are what a service, a gateway or a proxy may say, and what a caller
// must be told of it.
var badAnswers = map[string]struct {
	status   int
	body     string
	read     error // the kind, from an operation that reads
	write    error // the kind, from one that writes
	says     string
	attempts int // of the read
}{
	"wrong key":            {404, `{"RequestId":"R","Code":"InvalidAccessKeyId.NotFound","Message":"Specified access key is not found."}`, video.ErrForbidden, video.ErrForbidden, "check the access key id", 1},
	"wrong secret":         {400, `{"RequestId":"R","Code":"SignatureDoesNotMatch","Message":"x server string to sign is:POST&` + testToken + `"}`, video.ErrForbidden, video.ErrForbidden, "check the access key secret", 1},
	"expired token":        {400, `{"RequestId":"R","Code":"InvalidSecurityToken.Expired","Message":"token ` + testToken + ` is expired"}`, video.ErrForbidden, video.ErrForbidden, "get new temporary credentials", 1},
	"skewed clock":         {400, `{"RequestId":"R","Code":"InvalidTimeStamp.Expired","Message":"expired"}`, video.ErrForbidden, video.ErrForbidden, "set the clock", 1},
	"no right, plainly":    {403, `{"RequestId":"R","Code":"Forbidden","Message":"no"}`, video.ErrForbidden, video.ErrForbidden, "RAM policy", 1},
	"a key without more":   {400, `{"RequestId":"R","Code":"InvalidAccessKeyId","Message":"no"}`, video.ErrForbidden, video.ErrForbidden, "check the access key id", 1},
	"too early to play":    {403, `{"RequestId":"R","Code":"Forbidden.IllegalStatus","Message":"Current Status is Transcoding."}`, video.ErrInvalid, video.ErrInvalid, "status of the asset", 1},
	"no right":             {403, `{"RequestId":"R","Code":"NoPermission","Message":"no","AccessDeniedDetail":"text where an object is usual"}`, video.ErrForbidden, video.ErrForbidden, "RAM policy", 1},
	"unpaid":               {403, `{"RequestId":"R","Code":"OperationDenied.Suspended","Message":"suspended"}`, video.ErrForbidden, video.ErrForbidden, "suspended", 1},
	"not found":            {404, `{"RequestId":"R","Code":"InvalidVideo.NotFound","Message":"The video does not exist."}`, video.ErrNotFound, video.ErrNotFound, "InvalidVideo.NotFound", 1},
	"a proxy's 404":        {404, `<html>not here</html>`, video.ErrTransient, video.ErrTransient, "check the endpoint and the proxy", 1},
	"another API":          {404, `{"RequestId":"R","Code":"InvalidApi.NotFound","Message":"x"}`, video.ErrTransient, video.ErrTransient, "check the endpoint and the proxy", 1},
	"a redirect":           {302, ``, video.ErrTransient, video.ErrTransient, "check the endpoint and the proxy", 1},
	"throttled with 400":   {400, `{"RequestId":"R","Code":"Throttling.User","Message":"slow"}`, video.ErrThrottled, video.ErrThrottled, "Throttling.User", 5},
	"throttled with 429":   {429, ``, video.ErrThrottled, video.ErrThrottled, "HTTP 429", 5},
	"throttled with 503":   {503, `{"RequestId":"R","Code":"Throttling","Message":"slow"}`, video.ErrThrottled, video.ErrThrottled, "throttled", 5},
	"down":                 {503, `{"RequestId":"R","Code":"ServiceUnAvailable","Message":"x"}`, video.ErrTransient, video.ErrUnknownOutcome, "503", 5},
	"a gateway's 502":      {502, `<html>` + strings.Repeat("bad gateway ", 90000) + `</html>`, video.ErrTransient, video.ErrUnknownOutcome, "502", 5},
	"a secret as code":     {400, `{"RequestId":"` + testToken + `","Code":"` + testSecret + `","Message":"x"}`, video.ErrInvalid, video.ErrInvalid, "[hidden]", 1},
	"busy, and not done":   {403, `{"RequestId":"R","Code":"ServiceBusy","Message":"retry later"}`, video.ErrTransient, video.ErrTransient, "ServiceBusy", 5},
	"a code of digits":     {400, `{"RequestId":7,"Code":1234,"Message":{"a":1}}`, video.ErrInvalid, video.ErrInvalid, "1234", 1},
	"an error inside 200":  {200, `{"RequestId":"R","Code":"InternalError","Message":"x"}`, video.ErrTransient, video.ErrUnknownOutcome, "InternalError", 5},
	"an empty 200":         {200, ``, video.ErrTransient, video.ErrUnknownOutcome, "not what VOD documents", 5},
	"an empty object":      {200, `{}`, video.ErrTransient, video.ErrUnknownOutcome, "not what VOD documents", 5},
	"a page instead":       {200, `<html>welcome to the hotel</html>`, video.ErrTransient, video.ErrUnknownOutcome, "not what VOD documents", 5},
	"another shape":        {200, `{"RequestId":"R","Video":[1,2,3],"NonExistVideoIds":"abc"}`, video.ErrTransient, video.ErrUnknownOutcome, "not what VOD documents for this operation", 1},
	"a truncated body":     {truncated, `{"RequestId":"R","Vid`, video.ErrTransient, video.ErrUnknownOutcome, "unexpected EOF", 5},
	"a cut connection":     {cutOff, ``, video.ErrTransient, video.ErrUnknownOutcome, "EOF", 5},
	"a 17 MB answer":       {200, `{"RequestId":"R","AI":"` + strings.Repeat("x", 17<<20) + `"}`, video.ErrTransient, video.ErrUnknownOutcome, "larger than 16 MB", 1},
	"a URL in the message": {400, `{"RequestId":"R","Code":"Odd","Message":"see https://h/p?Signature=abc&SecurityToken=def for it"}`, video.ErrInvalid, video.ErrInvalid, "https://h/p?[hidden] for it", 1},
}

// A network error of the SDK holds the signed URL with its security token.
func TestEveryBadAnswerIsATypedErrorWithoutSecrets(t *testing.T) {
	for name, bad := range badAnswers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, client, stop := inBubble(t, func(request) (int, string) { return bad.status, bad.body })
				defer stop()
				var printed bytes.Buffer
				c := client(func(c *vod.Config) {
					c.Log = slog.New(slog.NewTextHandler(&printed, &slog.HandlerOptions{Level: slog.LevelDebug}))
					c.Metrics = func(call vod.Call) { fmt.Fprintf(&printed, "%+v\n", call) }
				})
				_, err := c.Video(t.Context(), "v")
				require.ErrorIs(t, err, bad.read)
				require.ErrorContains(t, err, bad.says)
				require.Len(t, s.calls("GetVideoInfo"), bad.attempts)
				var e *vod.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, "GetVideoInfo", e.Op)
				require.Equal(t, bad.attempts, e.Attempts)
				require.Less(t, len(err.Error()), 700)

				out, _ := c.Update(t.Context(), []video.Update{{ID: "v", Fields: video.Fields{Title: text("t")}}})
				require.ErrorIs(t, out[0].Err, bad.write)
				_, err2 := c.DeleteVideos(t.Context(), []video.ID{"v"})
				fmt.Fprintf(&printed, "%v %+v %#v %v %v %+v", err, err, err, out, err2, c)
				noSecret(t, printed.String())
			})
		})
	}
}

func noSecret(t *testing.T, text string) {
	t.Helper()
	require.NotEmpty(t, text)
	for _, secret := range []string{testSecret, testToken, url.QueryEscape(testToken), "Signature=", "SecurityToken="} {
		require.NotContains(t, text, secret)
	}
}

func TestAWrongEndpointIsNoFaultOfTheMedia(t *testing.T) {
	s := serve(t, func(request) (int, string) { return http.StatusNotFound, "<html>nobody here</html>" })
	var updates []video.Update
	for _, id := range ids(20) {
		updates = append(updates, video.Update{ID: id, Fields: video.Fields{Title: text("t")}})
	}
	out, err := s.client(t).Update(t.Context(), updates)
	require.ErrorContains(t, err, "check the endpoint")
	require.True(t, video.Passing(err), "the same update may pass when the way is right")
	require.Equal(t, video.Failed, out[19].Result, "not rejected, which nobody would try again")
	require.Len(t, s.calls("UpdateVideoInfos"), 1)
	deleted, err := s.client(t).DeleteVideos(t.Context(), ids(1))
	require.Error(t, err)
	require.Equal(t, video.Failed, deleted[0].Result, "not gone")
}

func TestAPanicBelowUsIsAnErrorWithoutItsText(t *testing.T) {
	c, err := vod.New(vod.Config{Region: "cn-shanghai", Credentials: vod.Static(testKey, testSecret, testToken), HTTP: &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) { panic("at " + r.URL.String()) },
	}})
	require.NoError(t, err)
	for range 3 { // the slot is as good as before
		_, err = c.DeleteVideos(t.Context(), ids(1))
		require.ErrorIs(t, err, video.ErrTransient)
		require.ErrorContains(t, err, "could not send")
		noSecret(t, err.Error())
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(&service{answer: func(request) (int, string) { return ok(aVideo) }})
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	config := vod.Config{Region: "cn-shanghai", Endpoint: server.URL, Credentials: vod.Static(testKey, testSecret, testToken)}
	strange, err := vod.New(config)
	require.NoError(t, err)
	_, err = strange.Video(t.Context(), "v")
	require.ErrorContains(t, err, "certificate is not trusted")
	noSecret(t, err.Error())
	config.HTTP = server.Client().Transport.(*http.Transport)
	trusted, err := vod.New(config)
	require.NoError(t, err)
	v, err := trusted.Video(t.Context(), "v")
	require.NoError(t, err)
	require.Equal(t, video.ID("v"), v.ID)
}

func TestTheSDKIsNotAskedForItsErrors(t *testing.T) {
	// Nothing in the package may use the client of the SDK's VOD package: one
	// value of it in an interface doubles the size of a function.
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		body, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotContains(t, string(body), "api.Client", name)
		require.NotContains(t, string(body), "api.NewClient", name)
	}
}

func TestWrongSecretIsNotPrinted(t *testing.T) {
	s := serve(t, func(request) (int, string) { return ok(nil) })
	c := s.client(t, func(c *vod.Config) { c.Credentials = vod.Static(testKey, "not"+testSecret, testToken) })
	_, err := c.Video(t.Context(), "v")
	require.ErrorIs(t, err, video.ErrForbidden)
	noSecret(t, err.Error())
}

func TestUnreachable(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		says string
	}{
		"unknown host": {&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "vod.test", IsNotFound: true}}, "check region, endpoint and network"},
		"refused":      {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, "check that the endpoint is up"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := vod.New(vod.Config{Region: "cn-shanghai", Credentials: vod.Static(testKey, testSecret, testToken), HTTP: &http.Transport{
					DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, tc.err },
				}})
				require.NoError(t, err)
				out, err := c.DeleteVideos(t.Context(), []video.ID{"v"})
				require.ErrorIs(t, err, video.ErrTransient, "nothing was sent, so nothing happened")
				require.Equal(t, video.Failed, out[0].Result)
				require.ErrorContains(t, err, tc.says)
				noSecret(t, err.Error())
				_, err = c.CreateVideo(t.Context(), vod.NewMedia{FileName: "a.mp4", Title: "a"})
				require.ErrorContains(t, err, "5 attempts", "what was not sent may be repeated")
			})
		})
	}
}

func TestConfigIsCheckedAllAtOnce(t *testing.T) {
	_, err := vod.New(vod.Config{Region: "cn-shangai", Share: 2})
	require.ErrorIs(t, err, video.ErrInvalid)
	require.ErrorContains(t, err, `"cn-shangai" is unknown`)
	require.ErrorContains(t, err, "share: 2")
	require.ErrorContains(t, err, "credentials: missing")
	_, err = vod.New(vod.Config{Region: "cn-shanghai", Endpoint: "http://user:" + testSecret + "@h?x", Credentials: vod.Static("a", "b", "")})
	require.ErrorContains(t, err, "endpoint")
	noSecret(t, err.Error())
}

func TestHTTPSUnlessToldOtherwise(t *testing.T) {
	var dialled string
	c, err := vod.New(vod.Config{Region: "eu-central-1", Credentials: vod.Static("a", "b", ""), HTTP: &http.Transport{
		DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
			dialled = addr
			return nil, context.Canceled
		},
	}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = c.Video(ctx, "v")
	require.Error(t, err)
	require.Equal(t, "vod.eu-central-1.aliyuncs.com:443", dialled)
}

func TestCredentialsAreAskedAtEveryCall(t *testing.T) {
	s := serve(t, func(request) (int, string) { return ok(map[string]any{"Video": map[string]any{"VideoId": "v"}}) })
	tokens := []string{"first", "second", ""}
	type key struct{}
	c := s.client(t, func(c *vod.Config) {
		c.Credentials = func(ctx context.Context) (string, string, string, error) {
			return testKey, testSecret, tokens[ctx.Value(key{}).(int)], nil
		}
	})
	for i := range tokens {
		_, err := c.Video(context.WithValue(t.Context(), key{}, i), "v")
		require.NoError(t, err)
		require.Equal(t, tokens[i], s.calls("GetVideoInfo")[i].params.Get("SecurityToken"))
	}
	broken := s.client(t, func(c *vod.Config) {
		c.Credentials = func(context.Context) (string, string, string, error) { return "", "", "", errors.New("no role") }
	})
	_, err := broken.Video(t.Context(), "v")
	require.ErrorIs(t, err, video.ErrForbidden)
	require.ErrorContains(t, err, "no role")
}

func TestAnUploadDoesNotPrintItsKeys(t *testing.T) {
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	s := serve(t, func(r request) (int, string) {
		return ok(map[string]any{
			"VideoId": "v", "ImageId": "i", "ImageURL": "http://h/i.png",
			"UploadAddress": encode(`{"Endpoint":"https://oss","Bucket":"b","FileName":"sv/a.mp4"}`),
			"UploadAuth":    encode(`{"AccessKeyId":"STS.1","AccessKeySecret":"` + testSecret + `","SecurityToken":"` + testToken + `","ExpireUTCTime":"2026-11-22T12:00:00Z"}`),
		})
	})
	c := s.client(t)
	u, err := c.CreateVideo(t.Context(), vod.NewMedia{FileName: "a.mp4", Title: "a", Tags: []string{"x"}})
	require.NoError(t, err)
	require.Equal(t, video.ID("v"), u.ID)
	require.Equal(t, "sv/a.mp4", u.Object)
	require.Equal(t, testSecret, u.Secret.Reveal())
	require.Equal(t, testToken, u.Token.Reveal())
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "upload", u, "secret", u.Secret)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "upload", u, "secret", u.Secret)
	fmt.Fprintf(&b, "%v %+v %#v %s %q %x", u, u, u, u.Secret, u.Secret, u.Secret)
	noSecret(t, b.String())
	u, err = c.CreateImage(t.Context(), vod.NewMedia{FileName: "a.PNG"})
	require.NoError(t, err)
	require.Equal(t, "png", s.calls("CreateUploadImage")[0].params.Get("ImageExt"))
	require.Equal(t, "http://h/i.png", u.URL)
	_, err = c.CreateVideo(t.Context(), vod.NewMedia{FileName: "a"})
	require.ErrorContains(t, err, "no extension")
	require.ErrorContains(t, err, "title: missing")
}
