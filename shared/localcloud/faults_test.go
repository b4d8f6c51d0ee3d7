package localcloud_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakemns"
)

// mns makes one signed call of the message service; an error is a broken connection.
func mns(t *testing.T, c *localcloud.Cloud, method, target, body string) (int, string, error) {
	t.Helper()
	env := c.Env()
	r, err := http.NewRequestWithContext(t.Context(), method, env["MNS_ENDPOINT"]+target, strings.NewReader(body))
	require.NoError(t, err)
	date := time.Now().UTC().Format(http.TimeFormat)
	mac := hmac.New(sha1.New, []byte(env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]))
	fmt.Fprintf(mac, "%s\n\n\n%s\nx-mns-version:2015-06-06\n%s", method, date, target)
	r.Header.Set("Date", date)
	r.Header.Set("x-mns-version", "2015-06-06")
	r.Header.Set("Authorization", "MNS "+env["ALIBABA_CLOUD_ACCESS_KEY_ID"]+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	hc := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // an idle connection would be tried again
	resp, err := hc.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text), nil
}

func library(t *testing.T, c *localcloud.Cloud) *vod.Client {
	t.Helper()
	env := c.Env()
	client, err := vod.NewClientWithOptions("cn-shanghai", sdk.NewConfig().WithAutoRetry(false),
		credentials.NewAccessKeyCredential(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]))
	require.NoError(t, err)
	client.Domain = strings.TrimPrefix(env["VOD_ENDPOINT"], "http://")
	return client
}

const (
	send    = "<Message><MessageBody>x</MessageBody></Message>"
	inQueue = "/queues/vodcurator-metadata/messages"
)

func cloud(t *testing.T, faults string) *localcloud.Cloud {
	t.Helper()
	return localcloud.RunT(t, localcloud.Options{Faults: faults})
}

func TestFaultsOfTheMessageService(t *testing.T) {
	queue := "vodcurator-metadata"
	c := cloud(t, "mns SendMessage throttle n=1")
	status, text, _ := mns(t, c, "POST", inQueue, send)
	require.Equal(t, 429, status)
	require.Contains(t, text, "<Code>TooManyRequests</Code>")
	status, _, _ = mns(t, c, "POST", inQueue, send)
	require.Equal(t, 201, status, "it was to happen once")
	require.Equal(t, 1, c.Faults()[0].Hits)

	c = cloud(t, "mns SendMessage error-after")
	status, _, _ = mns(t, c, "POST", inQueue, send)
	require.Equal(t, 500, status)
	require.Equal(t, 1, c.MNS.Stats(queue).Active, "it took effect")

	c = cloud(t, "mns SendMessage reset")
	_, _, err := mns(t, c, "POST", inQueue, send)
	require.Error(t, err)
	require.Zero(t, c.MNS.Stats(queue))

	c = cloud(t, "mns SendMessage timeout-after delay=20ms")
	began := time.Now()
	_, _, err = mns(t, c, "POST", inQueue, send)
	require.Error(t, err)
	require.GreaterOrEqual(t, time.Since(began), 20*time.Millisecond)
	require.Equal(t, 1, c.MNS.Stats(queue).Active)

	c = cloud(t, "mns ReceiveMessage empty n=1")
	_, err = c.MNS.Enqueue(queue, "x")
	require.NoError(t, err)
	status, _, _ = mns(t, c, "GET", inQueue+"?waitseconds=20", "")
	require.Equal(t, 404, status)
	status, _, _ = mns(t, c, "GET", inQueue, "")
	require.Equal(t, 200, status)

	c = cloud(t, "mns ReceiveMessage duplicate n=1")
	_, err = c.MNS.Enqueue(queue, "x")
	require.NoError(t, err)
	_, first, _ := mns(t, c, "GET", inQueue, "")
	_, second, _ := mns(t, c, "GET", inQueue, "")
	require.Contains(t, second, first[strings.Index(first, "<MessageId>"):strings.Index(first, "</MessageId>")], "the same message")

	c = cloud(t, "mns DeleteMessage expired n=1")
	_, err = c.MNS.Enqueue(queue, "x")
	require.NoError(t, err)
	got, err := c.MNS.Receive(t.Context(), queue, 1, 0, 0)
	require.NoError(t, err)
	status, _, _ = mns(t, c, "DELETE", inQueue+"?ReceiptHandle="+got[0].Handle, "")
	require.Equal(t, 404, status)
	require.Equal(t, fakemns.Stats{Active: 1}, c.MNS.Stats(queue))

	c = cloud(t, "mns BatchReceiveMessage reorder")
	want := ""
	for i := range 16 {
		want += fmt.Sprintf("<%c>", 'a'+i)
		_, err = c.MNS.Enqueue(queue, fmt.Sprintf("<%c>", 'a'+i))
		require.NoError(t, err)
	}
	_, text, _ = mns(t, c, "GET", inQueue+"?numOfMessages=16", "")
	order := ""
	for _, piece := range strings.Split(text, "<MessageBody>&lt;")[1:] {
		order += "<" + piece[:1] + ">"
	}
	require.Len(t, order, len(want))
	require.NotEqual(t, want, order)
}

func TestFaultsOfTheLibrary(t *testing.T) {
	file, err := os.ReadFile("../../testdata/media/cover.jpg")
	require.NoError(t, err)
	c := cloud(t, `
vod GetVideoInfo throttle n=1
vod GetVideoInfo unavailable n=1
vod GetVideoInfo reset n=1
vod callback:* lost n=1
`)
	request := vod.CreateGetVideoInfoRequest()
	request.VideoId = "00000000000000000000000000000000"
	for _, want := range []string{"Throttling.User", "ServiceUnavailable", "EOF", "InvalidVideo.NotFound"} {
		_, err := library(t, c).GetVideoInfo(request)
		require.ErrorContains(t, err, want)
	}
	var made struct{ ID string }
	post(t, c.Env()["FUNCTIONS_ENDPOINT"]+"/_local/upload/cover.jpg", string(file), &made)
	require.NoError(t, c.VOD.Settle(t.Context()))
	require.Zero(t, c.MNS.Stats("vodcurator-notices"), "the only notification was lost")

	c = cloud(t, "vod callback:ImageUploadComplete duplicate")
	post(t, c.Env()["FUNCTIONS_ENDPOINT"]+"/_local/upload/cover.jpg", string(file), &made)
	require.NoError(t, c.VOD.Settle(t.Context()))
	require.Equal(t, 2, c.MNS.Stats("vodcurator-notices").Active)

	c = cloud(t, "vod SearchMedia stale n=1")
	c.VOD.Seed()
	search := vod.CreateSearchMediaRequest()
	search.SearchType = "video"
	_, err = library(t, c).SearchMedia(search)
	require.NoError(t, err)
	require.Equal(t, 1, c.Faults()[0].Hits)
}

func TestFaultsOfFunctions(t *testing.T) {
	run := func(faults string) (*localcloud.Cloud, string) {
		c := localcloud.RunT(t, localcloud.Options{Manifest: write(t), Faults: faults})
		return c, c.Env()["FUNCTIONS_ENDPOINT"] + "/2023-03-30/functions/autotag/invocations"
	}
	_, url := run("functions invoke throttle n=1")
	require.Equal(t, 429, post(t, url, `{}`, nil))
	require.Equal(t, 200, post(t, url, `{}`, nil))

	c, url := run("functions invoke kill n=1")
	var failure struct{ ErrorMessage string }
	require.Equal(t, 200, post(t, url, `{}`, &failure))
	require.Equal(t, "Process exited unexpectedly before completing request", failure.ErrorMessage)
	require.Equal(t, "killed by a fault, signal: killed", c.FC.Invocations("autotag")[0].Reason)
	require.Equal(t, 200, post(t, url, `{}`, nil))

	c, url = run("functions invoke stall n=1 delay=50ms")
	require.Equal(t, 200, post(t, url, `{}`, nil))
	require.GreaterOrEqual(t, c.FC.Invocations("autotag")[0].Duration, 50*time.Millisecond)

	c, _ = run("functions timer duplicate")
	require.Len(t, c.Advance(24*time.Hour), 1)
	runs, _ := c.FC.Counts()
	require.Equal(t, 2, runs["autotag/timer"])

	c, _ = run("functions queue kill n=2\nfunctions batch duplicate n=1")
	_, err := c.MNS.Enqueue("vodcurator-metadata", "x")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		runs, failed := c.FC.Counts()
		return runs["autotag/queue"] == 4 && failed["autotag/queue"] == 2 && c.MNS.Stats("vodcurator-metadata") == fakemns.Stats{}
	}, 30*time.Second, 5*time.Millisecond, "two tries were killed, the third did it, and then again")
}

func TestFaultsCanBeChangedWhileItRuns(t *testing.T) {
	c := cloud(t, "none")
	url := c.Env()["FUNCTIONS_ENDPOINT"] + "/_local/faults"
	put := func(text string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(text))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		return resp.StatusCode
	}
	require.Empty(t, c.Faults())
	require.Equal(t, 200, put("# all sends\nmns *Send* error\n"))
	status, _, _ := mns(t, c, "POST", inQueue, send)
	require.Equal(t, 500, status)
	require.Equal(t, 400, put("mns * nonsense"))
	require.Equal(t, 200, put(""))
	status, _, _ = mns(t, c, "POST", inQueue, send)
	require.Equal(t, 201, status)

	_, err := localcloud.Start(t.Context(), localcloud.Options{Faults: "a b\nmns * slow p=2\nmns [ slow\nmns * slow x=1"})
	for _, want := range []string{"line 1: ", "line 2: ", "line 3: ", "line 4: "} {
		require.ErrorContains(t, err, want)
	}
}

func TestFaultsReadWhatTheyPrint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := localcloud.Fault{
			Service: rapid.SampledFrom([]string{"*", "vod", "mns"}).Draw(t, "service"), Op: rapid.SampledFrom([]string{"*", "Get*", "callback:*"}).Draw(t, "op"),
			Kind: rapid.SampledFrom([]string{"slow", "kill", "error"}).Draw(t, "kind"), Probability: rapid.Float64Range(0, 1).Draw(t, "p"),
			Count: rapid.IntRange(0, 9).Draw(t, "n"), Delay: time.Duration(rapid.Int64Range(1, 1e12).Draw(t, "delay")),
			About: rapid.StringMatching(`[a-z]{0,4}`).Draw(t, "about"), Status: rapid.IntRange(0, 599).Draw(t, "status"), Code: rapid.StringMatching(`[A-Z]{0,4}`).Draw(t, "code"),
		}
		got, err := localcloud.ParseFaults(f.String())
		if err != nil || len(got) != 1 || got[0] != f {
			t.Fatalf("%v read as %v, %v", f, got, err)
		}
	})
}
