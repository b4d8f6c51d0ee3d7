package events_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/video"
)

// samples are the names of the notifications in testdata/events.
func samples(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "events", "*.json"))
	require.NoError(t, err)
	require.Len(t, paths, 58)
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = strings.TrimSuffix(filepath.Base(path), ".json")
	}
	return names
}

// TestEverySampleMeansWhatTheDocumentsSay compares with testdata/notices.json,
// which was written by hand from the tables of vod-events.md section 3 and the
// samples, and is never rewritten from what the decoder says.
func TestEverySampleMeansWhatTheDocumentsSay(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "notices.json"))
	require.NoError(t, err)
	var want map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(golden, &want))
	require.Len(t, want, 58)
	details := map[string]int{}
	for _, name := range samples(t) {
		t.Run(name, func(t *testing.T) {
			raw := sample(t, name+".json")
			n, err := events.DecodeNotice(raw)
			require.NoError(t, err)
			require.JSONEq(t, string(raw), string(n.Raw))
			details[fmt.Sprintf("%T", n.Detail)]++
			n.Raw = nil
			got, err := json.Marshal(said(reflect.ValueOf(n)))
			require.NoError(t, err)
			require.JSONEq(t, string(want[name]), string(got))
		})
	}
	t.Logf("58 samples, details: %v", details)
}

// said is what a value says: its fields without the zero ones, times and durations
// as text.
func said(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case time.Time:
		return x.Format(time.RFC3339Nano)
	case time.Duration:
		return x.String()
	}
	switch v.Kind() {
	case reflect.Interface:
		return said(v.Elem())
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				if s := said(f); !empty(s) {
					out[v.Type().Field(i).Name] = s
				}
			}
		}
		return out
	case reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = said(v.Index(i))
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for _, key := range v.MapKeys() {
			out[key.String()] = said(v.MapIndex(key))
		}
		return out
	}
	return v.Interface()
}

func empty(v any) bool {
	r := reflect.ValueOf(v)
	return (r.Kind() == reflect.Map || r.Kind() == reflect.Slice) && r.Len() == 0
}

func TestNoticeOfAnUnknownKindIsAcknowledged(t *testing.T) {
	n, err := events.DecodeNotice([]byte(`{"EventType":"HologramComplete","MediaId":"a1","MediaType":"image","Status":"Done","Extend":{"k":1}}`))
	require.NoError(t, err)
	require.Equal(t, "HologramComplete", n.Kind)
	require.Equal(t, events.StatusUnknown, n.Status)
	require.EqualValues(t, "image", n.MediaKind)
	require.Equal(t, `{"k":1}`, n.Extend)
	require.Nil(t, n.Detail)
	require.True(t, n.At.IsZero(), "the console's test message has no time")
}

func TestNoticeRefuses(t *testing.T) {
	for _, raw := range []string{
		"", "hello", "[]", "{", "null", "{}", `{"EventType":""}`, `{"EventType":null,"VideoId":"a"}`,
		`{"EventType":"FileUploadComplete","VideoId":"a,b"}`, `{"EventType":"FileUploadComplete","VideoId":"a\nb"}`,
		`{"EventType":"X","MediaId":"` + strings.Repeat("a", 65) + `"}`,
		`{"EventType":"X","VideoId":{"a":1}}`,
	} {
		n, err := events.DecodeNotice([]byte(raw))
		require.ErrorIs(t, err, events.ErrMalformed, raw)
		require.Zero(t, n, raw)
	}
	_, err := events.DecodeNotice([]byte(strings.Repeat(" ", events.MaxBody+1)))
	require.ErrorIs(t, err, events.ErrTooLarge)
}

func detail[T any](t *testing.T, body string) T {
	t.Helper()
	n, err := events.DecodeNotice([]byte(body))
	require.NoError(t, err)
	require.IsType(t, *new(T), n.Detail, body)
	return n.Detail.(T)
}

func TestNoticeTakesEveryFormOfAField(t *testing.T) {
	t.Run("numbers", func(t *testing.T) {
		for form, want := range map[string]int64{
			`360`: 360, `"360"`: 360, `360.0`: 360, `"360.0"`: 360, `3.6e2`: 360, `" 360 "`: 360,
			`360.5`: 0, `"many"`: 0, `null`: 0, `""`: 0, `true`: 0, `[360]`: 0, `9e99`: 0, `"NaN"`: 0, `"Inf"`: 0,
		} {
			require.Equal(t, want, detail[events.Upload](t, `{"EventType":"FileUploadComplete","Size":`+form+`}`).Size, form)
		}
	})
	t.Run("durations", func(t *testing.T) {
		for form, want := range map[string]time.Duration{`15`: 15 * time.Second, `"15.5"`: 15500 * time.Millisecond, `-1`: 0, `1e300`: 0, `"x"`: 0} {
			require.Equal(t, want, detail[events.Analysis](t, `{"EventType":"VideoAnalysisComplete","Duration":`+form+`}`).Duration, form)
		}
	})
	t.Run("truths", func(t *testing.T) {
		for form, want := range map[string]bool{`true`: true, `1`: true, `"1"`: true, `"True"`: true, `false`: false, `0`: false, `"no"`: false, `null`: false} {
			require.Equal(t, want, detail[events.Output](t, `{"EventType":"StreamTranscodeComplete","Encrypt":`+form+`}`).Encrypted, form)
		}
	})
	t.Run("times", func(t *testing.T) {
		for form, want := range map[string]time.Time{
			"2026-06-21T08:15:09Z":          time.Date(2026, 6, 21, 8, 15, 9, 0, time.UTC),
			"2026-06-21T08:15:09:627Z":      time.Date(2026, 6, 21, 8, 15, 9, 627e6, time.UTC),
			"2026-06-21T08:15:09.627Z":      time.Date(2026, 6, 21, 8, 15, 9, 627e6, time.UTC),
			"2026-06-21T16:15:09+08:00":     time.Date(2026, 6, 21, 8, 15, 9, 0, time.UTC),
			"2026-06-21 08:15:09":           {},
			"":                              {},
			"2026-06-21T08:15:09:627+08:00": {},
		} {
			n, err := events.DecodeNotice([]byte(`{"EventType":"X","EventTime":"` + form + `"}`))
			require.NoError(t, err, "an event is never refused for its time")
			require.Equal(t, want, n.At, form)
		}
	})
	t.Run("statuses", func(t *testing.T) {
		for form, want := range map[string]events.Status{
			"success": events.StatusOK, "Success": events.StatusOK, "Succeed": events.StatusOK, "SUCCESS": events.StatusOK,
			"fail": events.StatusFailed, "Failed": events.StatusFailed, "": events.StatusUnknown, "Running": events.StatusUnknown,
		} {
			n, err := events.DecodeNotice([]byte(`{"EventType":"X","Status":"` + form + `"}`))
			require.NoError(t, err)
			require.Equal(t, want, n.Status, form)
			require.Equal(t, want == events.StatusOK, n.OK())
		}
	})
	t.Run("objects, arrays and text that holds them", func(t *testing.T) {
		want := events.BaseChange{Mode: "update", Fields: map[string]events.Values{"Title": {Old: "a", New: "b"}, "CateId": {Old: "1", New: "2"}}}
		inner := map[string]string{
			"objects in an object": `{"Title":{"OldValue":"a","NewValue":"b"},"CateId":{"OldValue":1,"NewValue":2}}`,
			"text in an object":    `{"Title":"{\"OldValue\":\"a\",\"NewValue\":\"b\"}","CateId":"{\"OldValue\":\"1\",\"NewValue\":\"2\"}"}`,
		}
		for name, content := range inner {
			require.Equal(t, want, detail[events.BaseChange](t, `{"EventType":"MediaBaseChangeComplete","OperateMode":"update","MediaContent":`+content+`}`), name)
			quoted, err := json.Marshal(content)
			require.NoError(t, err)
			require.Equal(t, want, detail[events.BaseChange](t, `{"EventType":"MediaBaseChangeComplete","OperateMode":"update","MediaContent":`+string(quoted)+`}`), name+", in text")
		}
		full := detail[events.BaseChange](t, string(sample(t, "MediaBaseChangeComplete.json")))
		title, description, cover, category, tags := "Lesson one", "new text", "http://vod.example.com/image/cover/7B1D0C9E2A544F6E-6-2.png", int64(1000025811), []string{"a", "c"}
		require.Equal(t, video.Update{
			ID: "v", Fields: video.Fields{Title: &title, Description: &description, Cover: &cover, Category: &category}, Tags: &tags,
		}, full.Update("v"))
		require.True(t, events.BaseChange{}.Update("v").Empty())
		images := detail[events.Animations](t, `{"EventType":"DynamicImageComplete","DynamicImageJobInfo":"[{\"JobId\":\"a\"},{\"JobId\":\"b\"}]"}`)
		require.Equal(t, events.Animations{{Job: "a"}, {Job: "b"}}, images)
	})
	t.Run("a detail that cannot be read costs nothing but the detail", func(t *testing.T) {
		for _, data := range []string{`"{"`, `7`, `"\"{}\""`, `[]`, `null`, `""`} {
			n, err := events.DecodeNotice([]byte(`{"EventType":"AIVideoTagComplete","MediaId":"a1","Data":` + data + `}`))
			require.NoError(t, err, data)
			require.Nil(t, n.Detail, data)
			require.EqualValues(t, "a1", n.ID)
		}
	})
	t.Run("keys without case", func(t *testing.T) {
		n, err := events.DecodeNotice([]byte(`{"eventType":"FileUploadComplete","videoID":"a1","FILEURL":"u"}`))
		require.NoError(t, err)
		require.EqualValues(t, "a1", n.ID)
		require.Equal(t, "u", n.Detail.(events.Upload).URL)
	})
}

func TestAByteOrderMarkSaysNothing(t *testing.T) {
	n, err := events.DecodeNotice([]byte("\ufeff" + `{"EventType":"FileUploadComplete","VideoId":"a","Status":"success"}`))
	require.NoError(t, err)
	require.Equal(t, video.ID("a"), n.ID)
}
