package events_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
)

const lesson = `{"v":1,"changes":[{"id":"30a1f0c2d7b171f1a4e66723a78e0102","tags":{"add":["lesson"]}}]}`

func sample(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "testdata", "events", name))
	require.NoError(t, err)
	return raw
}

func TestKindTellsTheTriggersApart(t *testing.T) {
	for name, want := range map[string]events.Trigger{
		"http.json":                    events.TriggerHTTP,
		"timer.json":                   events.TriggerTimer,
		"topic.json":                   events.TriggerTopic,
		"topic.stream-attributes.json": events.TriggerTopic,
		"batch.objects.json":           events.TriggerBatch,
		"batch.strings.json":           events.TriggerBatch,
		"batch.data-only.json":         events.TriggerBatch,
		"batch.one.json":               events.TriggerBatch,
	} {
		require.Equal(t, want, events.Kind(sample(t, "triggers/"+name)), name)
	}
	for _, raw := range []string{"", "hello", "{}", "[]", "[1,", "{", lesson, `[{"VideoId":"a","Title":"b"}]`, `{"EventType":"X"}`, "null", "3"} {
		require.Equal(t, events.TriggerUnknown, events.Kind([]byte(raw)), raw)
	}
}

func TestHTTPRequest(t *testing.T) {
	raw := sample(t, "triggers/http.json")
	r, err := events.DecodeHTTP(raw)
	require.NoError(t, err)
	require.Equal(t, "POST", r.Method)
	require.Equal(t, "/vod/events in", r.Path)
	require.Equal(t, "1-6a372f80-15a4c2d3e4f5", r.RequestID)
	require.Equal(t, time.UnixMilli(1782000001250).UTC(), r.At)
	require.Equal(t, "1782000000", r.Header("X-VOD-Timestamp"))
	require.Equal(t, "application/json", r.Header("content-type"))
	require.Empty(t, r.Header("absent"))
	n, err := events.DecodeNotice(r.Body)
	require.NoError(t, err)
	require.Equal(t, events.FileUploadComplete, n.Kind)

	t.Run("a base64 body is decoded", func(t *testing.T) {
		r, err := events.DecodeHTTP([]byte(`{"rawPath":"/a%2Fb","isBase64Encoded":true,"body":"` + base64.StdEncoding.EncodeToString([]byte{0xff, 0}) + `"}`))
		require.NoError(t, err)
		require.Equal(t, []byte{0xff, 0}, r.Body)
		require.Equal(t, "/a/b", r.Path)
	})
	t.Run("the limit of the body", func(t *testing.T) {
		body := func(n int) []byte { return []byte(`{"rawPath":"/","body":"` + strings.Repeat("x", n) + `"}`) }
		_, err := events.DecodeHTTP(body(events.MaxBody))
		require.NoError(t, err)
		_, err = events.DecodeHTTP(body(events.MaxBody + 1))
		require.ErrorIs(t, err, events.ErrMalformed)
		require.ErrorIs(t, err, events.ErrTooLarge)
	})
	for _, raw := range []string{"", "x", "[]", "{}", `{"rawPath":"/%zz"}`, `{"rawPath":"/","isBase64Encoded":true,"body":"*"}`} {
		r, err := events.DecodeHTTP([]byte(raw))
		require.ErrorIs(t, err, events.ErrMalformed, raw)
		require.Zero(t, r, raw)
	}
}

func TestResponseHasTheNamesOfTheRuntime(t *testing.T) {
	raw, err := json.Marshal(events.Response{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/plain"}, Body: "Hello"})
	require.NoError(t, err)
	require.JSONEq(t, `{"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "isBase64Encoded": false, "body": "Hello"}`, string(raw))
}

func TestTick(t *testing.T) {
	tick, err := events.DecodeTick(sample(t, "triggers/timer.json"))
	require.NoError(t, err)
	require.Equal(t, events.Tick{At: time.Date(2026, 6, 21, 2, 0, 0, 0, time.UTC), Trigger: "nightly", Payload: `{"lookback":"26h"}`}, tick)
	for _, raw := range []string{"", "{}", "[]", `{"triggerName":"a"}`, `{"triggerTime":"yesterday"}`, `{"triggerTime":7}`} {
		tick, err := events.DecodeTick([]byte(raw))
		require.ErrorIs(t, err, events.ErrMalformed, raw)
		require.Zero(t, tick)
	}
}

func TestTopicMessageInEveryForm(t *testing.T) {
	published := time.UnixMilli(1782000001250).UTC()
	id := "2F5B3C281B283D4EAC694B7425280001"
	full := string(sample(t, "triggers/topic.json"))
	for name, tc := range map[string]struct {
		raw  string
		want events.Message
	}{
		"JSON, time as a number, an attribute beside": {full, events.Message{ID: id, Body: []byte(lesson), At: published}},
		"JSON, time as text":                          {strings.Replace(full, `1782000001250`, `"1782000001250"`, 1), events.Message{ID: id, Body: []byte(lesson), At: published}},
		"JSON, time as the SDK has it":                {strings.Replace(full, `1782000001250`, `"2026-06-21T00:00:01.25Z"`, 1), events.Message{ID: id, Body: []byte(lesson), At: published}},
		"JSON, no readable time":                      {strings.Replace(full, `1782000001250`, `"soon"`, 1), events.Message{ID: id, Body: []byte(lesson)}},
		"STREAM with attributes":                      {string(sample(t, "triggers/topic.stream-attributes.json")), events.Message{Body: []byte(lesson)}},
		"STREAM or SIMPLIFIED":                        {lesson, events.Message{Body: []byte(lesson)}},
		"base64":                                      {base64.StdEncoding.EncodeToString([]byte(lesson)), events.Message{Body: []byte(lesson)}},
		"base64, cut in an emoji":                     {base64.StdEncoding.EncodeToString([]byte(" {\"v\":1\xf0\x9f")), events.Message{Body: []byte(" {\"v\":1\xf0\x9f")}},
		"base64 of an array that is not UTF-8":        {base64.StdEncoding.EncodeToString([]byte("[\xff]")), events.Message{Body: []byte("[\xff]")}},
		"base64 of bytes":                             {"//4A", events.Message{Body: []byte("//4A")}},
		"plain text":                                  {"hello topic", events.Message{Body: []byte("hello topic")}},
		"a message that only looks like an envelope":  {`{"Message":7,"TopicName":"t","MessageId":"m"}`, events.Message{Body: []byte(`{"Message":7,"TopicName":"t","MessageId":"m"}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := events.DecodeTopic([]byte(tc.raw))
			require.NoError(t, err)
			require.Equal(t, tc.want, m)
		})
	}
	m, err := events.DecodeTopic(nil)
	require.ErrorIs(t, err, events.ErrMalformed)
	require.Zero(t, m)
}

func TestBatchInEveryForm(t *testing.T) {
	at := time.Date(2026, 6, 21, 0, 0, 1, 250e6, time.UTC)
	want := []events.Message{
		{ID: "C6DB60D1574661357FA2272774450001", Body: []byte(`{"v":1,"changes":[{"id":"30a1f0c2d7b171f1a4e66723a78e0102","set":{"title":"Lesson one"}}]}`), At: at},
		{ID: "C6DB60D1574661357FA2272774450002", Body: []byte(`[{"VideoId":"40d9b1e6d7b571f180c46723a78e0102","Tags":"a,c"}]`), At: at},
	}
	for _, name := range []string{"batch.objects.json", "batch.strings.json"} {
		got, err := events.DecodeBatch(sample(t, "triggers/"+name))
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	got, err := events.DecodeBatch(sample(t, "triggers/batch.one.json"))
	require.NoError(t, err)
	require.Equal(t, want[:1], got)

	got, err = events.DecodeBatch(sample(t, "triggers/batch.data-only.json"))
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, want[1].Body, got[1].Body)
	require.Equal(t, want[1].ID, got[1].ID)

	t.Run("a broken element harms no neighbour", func(t *testing.T) {
		got, err := events.DecodeBatch([]byte(`[7,"text",{"data":{}},{"data":{"messageBody":"ok","messageId":"m"}},{"data":{"messageBody":7}}]`))
		require.NoError(t, err)
		require.Equal(t, []events.Message{
			{Body: []byte("7")}, {Body: []byte("text")}, {Body: []byte(`{"data":{}}`)},
			{ID: "m", Body: []byte("ok")}, {Body: []byte(`{"data":{"messageBody":7}}`)},
		}, got)
	})
	for _, raw := range []string{"", "7", "{}", "[", `{"data":{}}`, `"[]"`} {
		got, err := events.DecodeBatch([]byte(raw))
		require.ErrorIs(t, err, events.ErrMalformed, raw)
		require.Nil(t, got)
	}
}

func TestBatchOf10000(t *testing.T) {
	var b strings.Builder
	for i := range 10_000 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"data":{"messageId":"m","messageBody":"` + base64.StdEncoding.EncodeToString([]byte(lesson)) + `"}}`)
	}
	got, err := events.DecodeBatch([]byte("[" + b.String() + "]"))
	require.NoError(t, err)
	require.Len(t, got, 10_000)
	require.Equal(t, lesson, string(got[9_999].Body))
}
