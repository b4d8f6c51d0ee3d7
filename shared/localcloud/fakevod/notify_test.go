package fakevod_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

// answers is a transport that answers with these statuses in turn, the last one for ever.
type answers struct {
	mu       sync.Mutex
	statuses []int
	at       []time.Time
	bodies   []string
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.bodies = append(a.at, time.Now()), append(a.bodies, string(b))
	status := a.statuses[min(len(a.at), len(a.statuses))-1]
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	if status < 0 { // never answers
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{"Location": {"http://elsewhere.example.com"}}}, nil
}

func TestThreeAttemptsASecondApart(t *testing.T) {
	tests := map[string]struct {
		statuses []int
		attempts int
		code     string
		took     time.Duration
	}{
		"at once":              {[]int{200}, 1, "", 0},
		"the second time":      {[]int{503, 200}, 2, "", time.Second},
		"the third time":       {[]int{0, 503, 200}, 3, "", 2 * time.Second},
		"never":                {[]int{500}, 3, "Dropped", 2 * time.Second},
		"only 200 counts":      {[]int{204}, 3, "Dropped", 2 * time.Second},
		"no redirects":         {[]int{302}, 3, "Dropped", 2 * time.Second},
		"five seconds, thrice": {[]int{-1}, 3, "Dropped", 17 * time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{statuses: tc.statuses}
				s, err := fakevod.New(fakevod.Options{Keys: fakeram.New(fakeram.Key{ID: "testId", Secret: "testSecret"}), HTTP: a,
					Callback: &fakevod.Callback{CallbackType: "HTTP", CallbackURL: "http://cb.example.com/", EventTypeList: "MediaBaseChangeComplete"}})
				require.NoError(t, err)
				c := &cloud{Server: s}
				id := c.Seed(fakevod.Asset{Title: "a"})[0]
				began := time.Now()
				c.call(t, "UpdateVideoInfo", "VideoId", id, "Title", "b")
				require.NoError(t, s.Settle(t.Context()))
				require.Len(t, a.at, tc.attempts)
				require.Equal(t, tc.took, time.Since(began))
				log := s.Deliveries().Calls()
				require.Len(t, log, 1)
				require.Equal(t, tc.code, log[0].Code)
				require.NoError(t, s.Close())
			})
		})
	}
}

func TestOnlyWhatIsSubscribedGoesOutAndPerApplication(t *testing.T) {
	var mu sync.Mutex
	sent := map[string][]string{}
	c := newCloud(t, func(o *fakevod.Options) {
		o.Enqueue = func(queue string, body []byte) error {
			var n struct{ EventType, MediaId string } //nolint:revive // the wire's names
			err := json.Unmarshal(body, &n)
			mu.Lock()
			defer mu.Unlock()
			sent[queue] = append(sent[queue], n.EventType)
			return err
		}
	})
	c.Seed(fakevod.Asset{ID: "one", AppID: "app-1", Title: "x"}, fakevod.Asset{ID: "two", AppID: "app-2"}, fakevod.Asset{ID: "none"})
	for _, app := range []string{"1", "2"} {
		status, _ := c.call(t, "SetMessageCallback", "AppId", "app-"+app, "CallbackType", "MNS", "MnsEndpoint", "http://x", "MnsQueueName", "q"+app,
			"EventTypeList", map[string]string{"1": "ALL", "2": "DeleteMediaComplete"}[app])
		require.Equal(t, 200, status)
	}
	for _, id := range []string{"one", "two", "none"} {
		c.call(t, "UpdateVideoInfo", "VideoId", id, "Title", "x") // for "one" no change: nothing to tell
		c.call(t, "DeleteVideo", "VideoIds", id)
	}
	c.settle(t)
	require.Equal(t, map[string][]string{"q1": {"DeleteMediaComplete", "MediaBaseChangeComplete"}, "q2": {"DeleteMediaComplete"}}, sent)

	status, _ := c.call(t, "SetMessageCallback", "AppId", "app-1", "CallbackType", "MNS", "MnsEndpoint", "http://x", "MnsQueueName", "q1")
	require.Equal(t, 200, status)
	c.Seed(fakevod.Asset{ID: "one", AppID: "app-1"})
	c.call(t, "DeleteVideo", "VideoIds", "one")
	c.settle(t)
	require.Len(t, sent["q1"], 2, "a setting without a list switches all off")
}

// The causal order holds for every seed, and the rest differs from seed to seed.
func TestOrderIsCausalAndOtherwiseOfTheSeed(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(12) {
		h := newHook(t)
		c := newCloud(t, func(o *fakevod.Options) {
			o.Seed = seed
			o.Callback = &fakevod.Callback{CallbackType: "HTTP", CallbackURL: h.URL, EventTypeList: "ALL"}
		})
		c.upload(t, "landscape.mp4", "x")
		kinds := h.kinds()
		require.Equal(t, []string{"MediaBaseChangeComplete", "FileUploadComplete", "VideoAnalysisComplete"}, kinds[:3])
		for i, k := range kinds {
			require.False(t, k == "StreamTranscodeComplete" && i > slices.Index(kinds, "TranscodeComplete"))
		}
		var defs []string
		for _, b := range h.bodies {
			d, _ := b["Definition"].(string)
			defs = append(defs, d)
		}
		orders[strings.Join(kinds, " ")+strings.Join(defs, " ")] = true
	}
	require.Greater(t, len(orders), 2)
}

// Our notifications have the members and types of the documented samples; a member
// of a sample that is optional may be missing here, but nothing may be of another type.
func TestNotificationsLookLikeTheSamples(t *testing.T) {
	h := newHook(t)
	c := newCloud(t, func(o *fakevod.Options) {
		o.Callback = &fakevod.Callback{CallbackType: "HTTP", CallbackURL: h.URL, EventTypeList: "ALL"}
	})
	id := c.upload(t, "landscape.mp4", "x")
	c.upload(t, "cover.jpg", "y")
	c.call(t, "UpdateVideoInfo", "VideoId", id, "Title", "z", "Tags", "a,b")
	c.call(t, "UpdateMediaStorageClass", "MediaIds", id, "StorageClass", "Archive")
	c.settle(t)
	c.call(t, "RestoreMedia", "MediaIds", id)
	c.call(t, "RefreshMediaPlayUrls", "MediaIds", id, "TaskType", "Refresh")
	c.settle(t)
	c.call(t, "DeleteVideo", "VideoIds", id)
	c.settle(t)
	want := map[string]string{
		"MediaBaseChangeComplete":         "EventTime:s EventType:s MediaContent:o MediaId:s MediaType:s OperateMode:s Status:s",
		"FileUploadComplete":              "EventTime:s EventType:s FileUrl:s Size:n Status:s VideoId:s",
		"VideoAnalysisComplete":           "Bitrate:s Duration:n EventTime:s EventType:s Fps:s Height:n Size:n Status:s VideoId:s Width:n",
		"StreamTranscodeComplete":         "Bitrate:s Codec:s Definition:s Duration:n Encrypt:b EventTime:s EventType:s FileUrl:s FinishTime:s Format:s Fps:s Height:n IsAudio:b JobId:s Size:n StartTime:s Status:s VideoId:s Width:n",
		"TranscodeComplete":               "EventTime:s EventType:s Status:s StreamInfos:a VideoId:s",
		"SnapshotComplete":                "CoverUrl:s EventTime:s EventType:s SnapshotInfos:a Status:s VideoId:s",
		"ImageUploadComplete":             "AppId:s EventTime:s EventType:s FileURL:s ImageId:s Size:n Status:s",
		"UpdateMediaStorageClassComplete": "EventTime:s EventType:s MediaId:s Scope:s Status:s StorageClass:s TriggerBy:s",
		"RestoreMediaComplete":            "EventTime:s EventType:s MediaId:s RestoreExpiration:s Status:s",
		"SubmitMediaRefreshComplete":      "EventTime:s EventType:s FilterPolicy:s MediaId:s MediaRefreshJobId:s Status:s SuccessPlayUrls:s TaskIds:s TaskType:s",
		"DeleteMediaComplete":             "DeleteType:s EventTime:s EventType:s MediaId:s MediaType:s Status:s",
	}
	seen := map[string]bool{}
	for _, b := range h.bodies {
		kind, _ := b["EventType"].(string)
		var members []string
		for k, v := range b {
			members = append(members, k+":"+letter(v))
		}
		slices.Sort(members)
		require.Equal(t, want[kind], strings.Join(members, " "), kind)
		seen[kind] = true
	}
	require.Len(t, seen, len(want))
}

func letter(v any) string {
	switch v.(type) {
	case string:
		return "s"
	case float64:
		return "n"
	case bool:
		return "b"
	case []any:
		return "a"
	}
	return "o"
}

func TestFaults(t *testing.T) {
	var mu sync.Mutex
	faults := map[string]calls.Fault{}
	h := newHook(t)
	c := newCloud(t, func(o *fakevod.Options) {
		o.Callback = &fakevod.Callback{CallbackType: "HTTP", CallbackURL: h.URL, EventTypeList: "ALL"}
		o.Fault = func(op, _, _ string) calls.Fault {
			mu.Lock()
			defer mu.Unlock()
			return faults[op]
		}
	})
	set := func(op string, f calls.Fault) {
		mu.Lock()
		defer mu.Unlock()
		faults = map[string]calls.Fault{op: f}
	}
	id := c.Seed(fakevod.Asset{Title: "0"})[0]
	title := func() string { a, _ := c.Lookup(id); return a.Title }
	update := func(to string) (int, any) {
		status, out := c.call(t, "UpdateVideoInfo", "VideoId", id, "Title", to)
		return status, out["Code"]
	}
	set("UpdateVideoInfo", calls.Fault{Status: 400, Code: "Throttling.User", Message: "slow down"})
	status, code := update("1")
	require.Equal(t, []any{400, "Throttling.User", "0"}, []any{status, code, title()})
	set("UpdateVideoInfo", calls.Fault{Status: 503, Code: "ServiceUnavailable", After: true})
	status, code = update("2")
	require.Equal(t, []any{503, "ServiceUnavailable", "2"}, []any{status, code, title()})
	set("UpdateVideoInfo", calls.Fault{Reset: true, After: true})
	q := common("UpdateVideoInfo")
	q.Set("VideoId", id)
	q.Set("Title", "3")
	q.Set("Signature", sign("GET", q, "testSecret"))
	_, err := http.Get(c.URL + "/?" + q.Encode())
	require.Error(t, err)
	require.Equal(t, "3", title())
	set("GetVideoInfo", calls.Fault{Stale: true})
	_, out := c.call(t, "GetVideoInfo", "VideoId", id)
	video, _ := out["Video"].(map[string]any)
	require.Equal(t, "2", video["Title"], "a read from before the last write")
	c.settle(t)

	before := len(h.kinds())
	set("callback:MediaBaseChangeComplete", calls.Fault{Reset: true})
	update("4")
	c.settle(t)
	require.Len(t, h.kinds(), before, "lost")
	set("callback:MediaBaseChangeComplete", calls.Fault{Reset: true, After: true})
	update("5")
	c.settle(t)
	require.Len(t, h.kinds(), before+2, "twice")
}

func TestUserDataDivertsNotifications(t *testing.T) {
	global, own := newHook(t), newHook(t)
	c := newCloud(t, func(o *fakevod.Options) {
		o.Callback = &fakevod.Callback{CallbackType: "HTTP", CallbackURL: global.URL, EventTypeList: "FileUploadComplete", AuthSwitch: "on", AuthKey: "Ab3dEf6hIj9k"}
	})
	nested, err := json.Marshal(map[string]any{"MessageCallback": map[string]string{"CallbackURL": own.URL}})
	require.NoError(t, err)
	inner, err := json.Marshal(map[string]string{"CallbackType": "http", "CallbackURL": own.URL})
	require.NoError(t, err)
	text, err := json.Marshal(map[string]any{"MessageCallback": string(inner)})
	require.NoError(t, err)
	for _, userData := range []string{string(nested), string(text), "", `{"MessageCallback":{}}`, "not JSON"} {
		_, err := c.Upload(fakevod.Upload{FileName: "audio-only.m4a", UserData: userData}, media(t, "audio-only.m4a"))
		require.NoError(t, err)
	}
	c.settle(t)
	require.Len(t, own.kinds(), 2, "only what the global setting wants")
	require.Len(t, global.kinds(), 3)
	require.NotEmpty(t, own.heads[0].Get("X-Vod-Signature"))
}

func TestReorderedNotifications(t *testing.T) {
	h := newHook(t)
	var once sync.Once
	c := newCloud(t, func(o *fakevod.Options) {
		o.Callback = &fakevod.Callback{CallbackType: "HTTP", CallbackURL: h.URL, EventTypeList: "ALL"}
		o.Fault = func(op, _, _ string) (f calls.Fault) {
			if op == "callback:DeleteMediaComplete" {
				once.Do(func() { f.Reorder = true })
			}
			return f
		}
	})
	id := c.Seed(fakevod.Asset{})[0]
	c.call(t, "DeleteVideo", "VideoIds", id)
	c.settle(t)
	require.Equal(t, []string{"MediaBaseChangeComplete", "DeleteMediaComplete"}, h.kinds())
}
