package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/insight"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/video"
)

const good = `{"v":1,"changes":[{"id":"30a1f0c2d7b171f1a4e66723a78e0102","set":{"title":"Lesson one"}}],"attempts":4,"firstSeen":"2026-06-21T08:00:00Z","reason":"throttled"}`

// queues is a local cloud with the two queues, and the variables that find it.
func queues(t *testing.T) (*localcloud.Cloud, map[string]string) {
	t.Helper()
	t.Parallel() // dead letters that are given back come a second later
	c := localcloud.RunT(t, localcloud.Options{})
	env := maps.Clone(c.Env())
	env["METADATA_QUEUE"], env["DEAD_LETTER_QUEUE"] = "metadata", "dead"
	c.MNS.Create("metadata")
	c.MNS.Create("dead")
	return c, env
}

func bury(t *testing.T, c *localcloud.Cloud, letters ...events.DeadLetter) (ids []string) {
	t.Helper()
	for _, l := range letters {
		body, err := events.EncodeDeadLetter(l)
		require.NoError(t, err)
		id, err := c.MNS.Enqueue("dead", base64.StdEncoding.EncodeToString(body))
		require.NoError(t, err)
		ids = append(ids, id)
	}
	return ids
}

// waiting are the bodies that wait in a queue.
func waiting(t *testing.T, c *localcloud.Cloud, queue string) (bodies []string) {
	t.Helper()
	for {
		got, err := c.MNS.Receive(t.Context(), queue, 16, 0, time.Hour)
		require.NoError(t, err)
		if len(got) == 0 {
			return bodies
		}
		for _, m := range got {
			body, err := base64.StdEncoding.DecodeString(m.Body)
			require.NoError(t, err)
			bodies = append(bodies, string(body))
		}
	}
}

// What is text in the body and JSON itself is read as JSON too, and stays text to the terminal.
func TestDLQShowIndentsTheJSONInsideABody(t *testing.T) {
	c, env := queues(t)
	original := base64.StdEncoding.EncodeToString([]byte(`{"v":1,"changes":[]}`))
	ids := bury(t, c, events.DeadLetter{Body: []byte(`{"a":[{"Extend":"{\"to\":\"\\u001b[2J\",\"list\":[1]}"}],"original":"` + original + `","title":"{no json","n":"[]x"}`), Reason: "bad"},
		events.DeadLetter{Body: []byte("no json"), Reason: "bad"})
	code, out, errs := vodctl(t, env, "dlq", "show", ids[0], "--wait", "1s")
	require.Zero(t, code, errs)
	require.Contains(t, out, "\n\na[0].Extend holds\n{\n  \"to\": \"\\u001b[2J\",\n  \"list\": [\n    1\n  ]\n}\n")
	require.Contains(t, out, "\n\noriginal holds\n{\n  \"v\": 1,\n  \"changes\": []\n}\n")
	require.Equal(t, 2, strings.Count(out, " holds\n"))
	code, out, errs = vodctl(t, env, "dlq", "show", ids[0], "--wait", "1s", "-o", "json")
	require.Zero(t, code, errs)
	require.Contains(t, out, "\n  \"content\": {\n    \"a\": [\n")
	code, out, errs = vodctl(t, env, "dlq", "show", ids[1], "--wait", "1s", "-o", "json")
	require.Zero(t, code, errs)
	require.NotContains(t, out, "content")
}

func TestDeadLettersAreDatedByTheClockOfTheLibrary(t *testing.T) {
	c, env := queues(t)
	c.Advance(90 * 24 * time.Hour)
	ids := bury(t, c, events.DeadLetter{Body: []byte(good), Reason: "bad"})
	for _, args := range [][]string{{"list"}, {"show", ids[0]}, {"redrive"}, {"drop", ids[0], "--reason", "x"}} {
		code, out, errs := vodctl(t, env, append([]string{"dlq", "-o", "json", "--wait", "1s"}, args...)...)
		require.Zero(t, code, errs)
		require.Contains(t, out, `"since": "`+c.Now().UTC().Format("2006-01-02T"), args)
	}
	for want, since := range map[int]time.Time{1: c.Now().Add(-time.Hour), 0: c.Now().Add(time.Hour)} {
		for _, command := range []string{"list", "redrive"} {
			code, out, errs := vodctl(t, env, "dlq", command, "--wait", "1s", "--since", since.UTC().Format(time.RFC3339))
			require.Zero(t, code, errs)
			require.Equal(t, want, strings.Count(out, ids[0]), out)
		}
	}
	code, out, errs := vodctl(t, env, "dlq", "drop", "--reason", "x", "--wait", "1s", "--until", c.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "--yes")
	require.Zero(t, code, errs)
	require.Contains(t, out, "0 dead letters dropped")
}

type redriven struct {
	Yes        bool
	Back, Left int
	Letters    []insight.DeadLetter
}

func decode[T any](t *testing.T, out string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(out), &v), out)
	return v
}

func TestDLQListShowsEveryLetterAndLeavesIt(t *testing.T) {
	c, env := queues(t)
	var want []string
	for i := range 40 {
		want = append(want, bury(t, c, events.DeadLetter{Body: fmt.Appendf(nil, "poison %d", i), Reason: "not UTF-8", Attempts: 1})...)
	}
	code, out, errs := vodctl(t, env, "dlq", "list", "-o", "json", "--wait", "0")
	require.Zero(t, code, errs)
	var got []string
	for _, l := range decode[[]insight.DeadLetter](t, out) {
		got = append(got, l.ID)
		require.Equal(t, "not UTF-8", l.Reason)
	}
	require.ElementsMatch(t, want, got)
	s := c.MNS.Stats("dead")
	require.Equal(t, 40, s.Active+s.Inactive)

	code, out, errs = vodctl(t, env, "dlq", "list", "--wait", "1s")
	require.Zero(t, code, errs)
	require.Equal(t, 40, strings.Count(out, "not UTF-8"), "given back, so that the next command sees them all")
}

func TestDLQListFilters(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want []int
	}{
		"by reason":           {[]string{"--reason", "tags"}, []int{1}},
		"by media":            {[]string{"--media", "other"}, []int{1, 2}},
		"since":               {[]string{"--since", "2001-01-01T00:00:00Z"}, []int{0, 1, 2}},
		"until":               {[]string{"--until", "2001-01-01T00:00:00Z"}, nil},
		"by reason and media": {[]string{"--reason", "malformed", "--media", "other"}, []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			c, env := queues(t)
			ids := bury(t, c,
				events.DeadLetter{Body: []byte(good), Reason: "missing"},
				events.DeadLetter{Body: []byte(`{"v":1,"changes":[{"id":"other","set":{"title":"x"}}]}`), Reason: "tags: 17 tags"},
				events.DeadLetter{Body: []byte("garbage about other"), Reason: "malformed"},
			)
			code, out, errs := vodctl(t, env, append([]string{"dlq", "list", "-o", "json", "--wait", "0"}, tc.args...)...)
			require.Zero(t, code, errs)
			var want, got []string
			for _, i := range tc.want {
				want = append(want, ids[i])
			}
			for _, l := range decode[[]insight.DeadLetter](t, out) {
				got = append(got, l.ID)
			}
			require.ElementsMatch(t, want, got)
		})
	}
	code, _, errs := vodctl(t, nil, "dlq", "list", "--since", "yesterday")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--since")
}

func TestDLQShowKeepsEveryByteOfTheBody(t *testing.T) {
	c, env := queues(t)
	id := bury(t, c, events.DeadLetter{Body: []byte("\x00\xff"), Reason: "not UTF-8", Attempts: 2, FirstSeen: time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC)})[0]
	code, out, errs := vodctl(t, env, "dlq", "show", id, "-o", "json", "--wait", "0")
	require.Zero(t, code, errs)
	require.Equal(t, []byte("\x00\xff"), decode[insight.DeadLetter](t, out).Base64)
	code, out, errs = vodctl(t, env, "dlq", "show", id, "--wait", "1s")
	require.Zero(t, code, errs)
	require.Contains(t, out, "00 ff")
	require.Contains(t, out, "2026-06-21 08:00:00Z")
	code, _, errs = vodctl(t, env, "dlq", "show", "nobody", "--wait", "0")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "not found")
}

func TestDLQRedriveListsWithoutYes(t *testing.T) {
	c, env := queues(t)
	bury(t, c, events.DeadLetter{Body: []byte(good), Reason: "missing"}, events.DeadLetter{Body: []byte("poison"), Reason: "malformed"})
	code, out, errs := vodctl(t, env, "dlq", "redrive", "--wait", "0")
	require.Zero(t, code, errs)
	require.Contains(t, out, "goes back")
	require.Contains(t, out, "left: ")
	require.Contains(t, out, "nothing was done, --yes does it\n")
	require.Zero(t, c.MNS.Stats("metadata"))
	s := c.MNS.Stats("dead")
	require.Equal(t, 2, s.Active+s.Inactive)
}

func TestDLQRedriveSendsBackWhatCanBeDone(t *testing.T) {
	c, env := queues(t)
	first := time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC)
	bury(t, c,
		events.DeadLetter{Body: []byte(good), Reason: "missing", Attempts: 4, FirstSeen: first},
		events.DeadLetter{Body: []byte("poison"), Reason: "malformed"},
		events.DeadLetter{Body: []byte(`{"v":1,"changes":[{"id":"a,b","set":{"title":"x"}}]}`), Reason: "id"},
		events.DeadLetter{Body: []byte(`[{"VideoId":"v2","Tags":"a"}]`), Reason: "missing"},
	)
	_, err := c.MNS.Enqueue("dead", base64.StdEncoding.EncodeToString([]byte(`{"v":1,"changes":[{"id":"v3","tags":{"add":["a"]}}]}`)))
	require.NoError(t, err, "one that the platform itself moved")
	code, out, errs := vodctl(t, env, "dlq", "redrive", "--yes", "--rate", "1000", "-o", "json", "--wait", "0")
	require.Zero(t, code, errs)
	r := decode[redriven](t, out)
	require.Equal(t, 3, r.Back)
	require.Equal(t, 2, r.Left)
	got := map[video.ID]events.Metadata{}
	for _, body := range waiting(t, c, "metadata") {
		m, err := events.DecodeMetadata([]byte(body))
		require.NoError(t, err)
		require.Zero(t, m.Attempts, "they begin anew")
		require.Contains(t, []int{0, 4}, m.Before, "and those before are kept")
		require.Empty(t, m.Reason)
		require.False(t, m.FirstSeen.IsZero())
		got[m.Changes[0].ID] = m
	}
	require.Len(t, got, 3)
	require.Equal(t, first, got["30a1f0c2d7b171f1a4e66723a78e0102"].FirstSeen, "or it would win over what was changed since")
	require.Equal(t, "Lesson one", *got["30a1f0c2d7b171f1a4e66723a78e0102"].Changes[0].Set.Title)
	require.Equal(t, []string{"a"}, *got["v2"].Changes[0].Tags.Set)
	require.Equal(t, []string{"a"}, got["v3"].Changes[0].Tags.Add)
	s := c.MNS.Stats("dead")
	require.Equal(t, 2, s.Active+s.Inactive)
	code, out, errs = vodctl(t, env, "dlq", "redrive", "--yes", "-o", "json", "--wait", "1s")
	require.Zero(t, code, errs)
	require.Zero(t, decode[redriven](t, out).Back, "again: nothing is left to do")
}

func TestDLQRedriveSendsRulesBehindPeople(t *testing.T) {
	c, env := queues(t)
	bury(t, c, events.DeadLetter{Body: []byte(good), Reason: "missing"}, events.DeadLetter{Body: []byte(`{"v":1,"retag":[{"id":"v1"}],"origin":"rules"}`), Reason: "given up"})
	code, _, errs := vodctl(t, env, "dlq", "redrive", "--yes", "--rate", "1000", "--wait", "0")
	require.Zero(t, code, errs)
	rules, people := messages(t, c, "vodcurator-bulk"), messages(t, c, "metadata")
	require.Len(t, rules, 1)
	require.Len(t, rules[0].Retag, 1)
	require.Len(t, people, 2, "one change, and that bulk changes wait")
	require.Zero(t, c.MNS.Stats("dead"))
}

func TestDLQRedriveSumsUpWhatItLeft(t *testing.T) {
	c, env := queues(t)
	bury(t, c, events.DeadLetter{Body: []byte(good), Reason: "missing"})
	for i := range 9 {
		bury(t, c, events.DeadLetter{Body: []byte("poison"), Reason: "malformed"},
			events.DeadLetter{Body: fmt.Appendf(nil, `{"v":1,"changes":[{"id":"a,%d","set":{"title":"x"}}]}`, i), Reason: "id"})
	}
	taken, err := c.MNS.Receive(t.Context(), "dead", 2, 0, time.Hour) // the good one and one of the others
	require.NoError(t, err)
	require.Len(t, taken, 2)
	code, out, errs := vodctl(t, env, "dlq", "redrive", "--yes", "--wait", "0")
	require.Zero(t, code, errs)
	require.Equal(t, `0 dead letters sent back to metadata, 17 left:
  8  metadata message: malformed: neither an object nor an array
  1  change 1: invalid: id: "a,0" holds ','
  1  change 1: invalid: id: "a,1" holds ','
  1  change 1: invalid: id: "a,2" holds ','
  1  change 1: invalid: id: "a,3" holds ','
  5  for other reasons
delayed, or taken by somebody else, and still to come: 2 dead letters
`, out)
	code, out, errs = vodctl(t, env, "dlq", "redrive", "--yes", "--wait", "1s", "-o", "json")
	require.Zero(t, code, errs)
	require.Equal(t, 2, decode[struct{ Others int }](t, out).Others)
}

func TestDLQRedriveSendsOnlyWhatItIsAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want []video.ID // nil: any
		n    int
	}{
		"by reason":           {[]string{"--reason", "given up"}, []video.ID{"v2", "v3"}, 2},
		"by media":            {[]string{"--media", "v1"}, []video.ID{"v1"}, 1},
		"by reason and media": {[]string{"--reason", "given up", "--media", "v3"}, []video.ID{"v3"}, 1},
		"since":               {[]string{"--since", "2001-01-01T00:00:00Z"}, []video.ID{"v1", "v2", "v3"}, 3},
		"since later":         {[]string{"--since", "2201-01-01T00:00:00Z"}, nil, 0},
		"until":               {[]string{"--until", "2201-01-01T00:00:00Z"}, []video.ID{"v1", "v2", "v3"}, 3},
		"until before":        {[]string{"--until", "2001-01-01T00:00:00Z"}, nil, 0},
		"at most":             {[]string{"--limit", "2"}, nil, 2},
		"at most of a reason": {[]string{"--limit", "2", "--reason", "missing"}, []video.ID{"v1"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c, env := queues(t)
			for id, reason := range map[string]string{"v1": "missing", "v2": "given up", "v3": "given up"} {
				bury(t, c, events.DeadLetter{Body: fmt.Appendf(nil, `{"v":1,"changes":[{"id":%q,"set":{"title":"x"}}]}`, id), Reason: reason})
			}
			code, out, errs := vodctl(t, env, append([]string{"dlq", "redrive", "--yes", "--rate", "1000", "-o", "json", "--wait", "0"}, tc.args...)...)
			require.Zero(t, code, errs)
			require.Equal(t, tc.n, decode[redriven](t, out).Back)
			var got []video.ID
			for _, body := range waiting(t, c, "metadata") {
				m, err := events.DecodeMetadata([]byte(body))
				require.NoError(t, err)
				got = append(got, m.Changes[0].ID)
			}
			require.Len(t, got, tc.n)
			if tc.want != nil {
				require.ElementsMatch(t, tc.want, got)
			}
			s := c.MNS.Stats("dead")
			require.Equal(t, 3-tc.n, s.Active+s.Inactive, "the others stay")
		})
	}
}

func TestDLQRedriveKeepsItsRateAndResumes(t *testing.T) {
	c, env := queues(t)
	for i := range 40 {
		bury(t, c, events.DeadLetter{Body: fmt.Appendf(nil, `{"v":1,"changes":[{"id":"v%d","set":{"title":"x"}}]}`, i), Reason: "throttled out"})
	}
	started := time.Now()
	code, out, errs := vodctl(t, env, "dlq", "redrive", "--yes", "--rate", "100", "--limit", "20", "-o", "json", "--wait", "0")
	require.Zero(t, code, errs)
	require.Equal(t, 20, decode[redriven](t, out).Back)
	require.Greater(t, time.Since(started), 190*time.Millisecond, "20 at 100 a second")
	code, out, errs = vodctl(t, env, "dlq", "redrive", "--yes", "--rate", "1000", "-o", "json", "--wait", "1s")
	require.Zero(t, code, errs)
	require.Equal(t, 20, decode[redriven](t, out).Back, "it goes on with what is left")
	require.Len(t, waiting(t, c, "metadata"), 40)
	require.Zero(t, c.MNS.Stats("dead"))
}

func TestDLQRedriveFindsALargeBodyUnderState(t *testing.T) {
	c, env := queues(t)
	keep(t, env, map[string]string{
		"abc": `{"v":1,"changes":[` + strings.Repeat(`{"id":"v1","set":{"title":"`+strings.Repeat("x", 100)+`"}},`, 900) + `{"id":"v1","set":{"title":"y"}}]}`,
	})
	bury(t, c, events.DeadLetter{Ref: "messages/abc", Reason: "missing", FirstSeen: time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC)}, events.DeadLetter{Ref: "messages/lost", Reason: "missing"})
	code, out, errs := vodctl(t, env, "dlq", "redrive", "--yes", "-o", "json", "--wait", "0")
	require.Zero(t, code, errs)
	r := decode[redriven](t, out)
	require.Equal(t, 1, r.Back, out)
	require.Equal(t, 1, r.Left)
	m, err := events.DecodeMetadata([]byte(waiting(t, c, "metadata")[0]))
	require.NoError(t, err)
	require.Equal(t, "messages/abc", m.Ref)
	require.Equal(t, time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC), m.FirstSeen)
}

// keep lays bodies under STATE and names it in env.
func keep(t *testing.T, env map[string]string, bodies map[string]string) {
	t.Helper()
	dir := t.TempDir()
	env["STATE"] = "file:" + dir
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "messages"), 0o755))
	for name, body := range bodies {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "messages", name), []byte(body), 0o600))
	}
}

func TestDLQRedriveChecksTheMessageThatALetterPointsTo(t *testing.T) {
	for name, tc := range map[string]struct{ under, action string }{
		"as it should be":   {`{"v":1,"changes":[{"id":"v1","set":{"title":"x"}}],"firstSeen":"2026-06-20T08:00:00Z"}`, "sent"},
		"an update content": {`[{"VideoId":"v1","Title":"x"}]`, "sent"},
		"refused again":     {`{"v":1,"changes":[{"id":"a,b","set":{"title":"x"}}]}`, "left: change 1: invalid: id:"},
		"malformed":         {`{"v":1,`, "left: metadata message: malformed"},
		"another pointer":   {`{"v":1,"ref":"messages/abc"}`, `left: invalid: "messages/abc" points to "messages/abc"`},
		"not there":         {"", `left: state: read "messages/abc": not found`},
		"without STATE":     {"-", "left: its body is under STATE at messages/abc, and STATE is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			c, env := queues(t)
			keep(t, env, map[string]string{"abc": tc.under})
			switch tc.under {
			case "":
				require.NoError(t, os.Remove(filepath.Join(strings.TrimPrefix(env["STATE"], "file:"), "messages", "abc")))
			case "-":
				env["STATE"] = ""
			}
			bury(t, c, events.DeadLetter{Body: []byte(`{"v":1,"ref":"messages/abc","firstSeen":"2026-06-21T08:00:00Z"}`), FirstSeen: time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC)})
			code, out, errs := vodctl(t, env, "dlq", "redrive", "--yes", "-o", "json", "--wait", "0")
			require.Zero(t, code, errs)
			require.Contains(t, decode[redriven](t, out).Letters[0].Action, tc.action)
			for _, body := range waiting(t, c, "metadata") {
				require.Equal(t, "sent", tc.action)
				m, err := events.DecodeMetadata([]byte(body))
				require.NoError(t, err)
				require.Equal(t, tc.under, string(m.Original), "should it die again")
				m.Original = nil
				out, err := events.EncodeMetadata(m)
				require.NoError(t, err)
				require.JSONEq(t, `{"v":1,"changes":[{"id":"v1","set":{"title":"x"}}],"firstSeen":"2026-06-21T08:00:00Z"}`, string(out))
			}
		})
	}
}

func TestDLQShowsABodyThatLiesUnderState(t *testing.T) {
	for name, l := range map[string]events.DeadLetter{
		"the letter's own body":     {Ref: "messages/abc", Reason: "missing"},
		"the one its message names": {Body: []byte(`{"v":1,"ref":"messages/abc"}`), Reason: "missing"},
	} {
		show := func(t *testing.T, state bool, args ...string) string {
			t.Helper()
			c, env := queues(t)
			if state {
				keep(t, env, map[string]string{"abc": `{"v":1,"changes":[]}`})
			} else {
				env["STATE"] = ""
			}
			code, out, errs := vodctl(t, env, append([]string{"dlq", "show", bury(t, c, l)[0], "--wait", "0"}, args...)...)
			require.Zero(t, code, errs)
			return out
		}
		t.Run(name, func(t *testing.T) {
			require.Contains(t, show(t, true), "under STATE at messages/abc\n\n{\n  \"v\": 1,")
		})
		t.Run(name+", as JSON", func(t *testing.T) {
			got := decode[insight.DeadLetter](t, show(t, true, "-o", "json"))
			require.Equal(t, "messages/abc", got.Ref)
			require.JSONEq(t, `{"v":1,"changes":[]}`, got.Body)
		})
		t.Run(name+", without STATE", func(t *testing.T) {
			require.Contains(t, show(t, false), "its body is under STATE at messages/abc, and STATE is not set")
		})
	}
}

// EventBridge's own dead letters land in the same queue: our messages, VOD's
// notifications, or the event around either.
func TestDLQTakesWhatThePlatformMovedThere(t *testing.T) {
	c, env := queues(t)
	for _, body := range []string{
		`{"EventType":"FileUploadComplete","VideoId":"v1","Status":"success"}`,
		`{"id":"e1","specversion":"1.0","data":{"messageId":"m1","messageBody":"{\"v\":1,\"changes\":[{\"id\":\"v2\",\"tags\":{\"add\":[\"a\"]}}]}"}}`,
	} {
		_, err := c.MNS.Enqueue("dead", body)
		require.NoError(t, err)
	}
	code, out, errs := vodctl(t, env, "dlq", "redrive", "--yes", "-o", "json", "--wait", "0")
	require.Zero(t, code, errs)
	r := decode[redriven](t, out)
	require.Equal(t, 1, r.Back)
	require.Equal(t, 1, r.Left)
	require.Contains(t, out, "left: a FileUploadComplete of VOD")
	all := waiting(t, c, "metadata")
	require.Len(t, all, 1)
	require.Contains(t, all[0], `{"v":1,"changes":[{"id":"v2","tags":{"add":["a"]}}],"firstSeen":"`)
}

// Sent back, a message without a moment of issue must not win over what was changed
// since it came first.
func TestDLQRedriveMakesNoMessageYounger(t *testing.T) {
	const event = `{"id":"e1","specversion":"1.0",%s"data":{"messageId":"m1","messageBody":"{\"v\":1,\"changes\":[{\"id\":\"v2\",\"tags\":{\"add\":[\"a\"]}}]%s}"}}`
	const round = `,\"attempts\":3,\"firstSeen\":\"2026-06-20T08:00:00Z\"`
	for name, tc := range map[string]struct{ body, want string }{
		"what EventBridge could not deliver":        {fmt.Sprintf(event, `"time":"2026-06-21T08:00:00Z",`, ""), "2026-06-21T08:00:00Z"},
		"it went round before":                      {fmt.Sprintf(event, `"time":"2026-06-21T08:00:00Z",`, round), "2026-06-20T08:00:00Z"},
		"an event without a time, which went round": {fmt.Sprintf(event, "", round), "2026-06-20T08:00:00Z"},
		"a bare message that went round":            {good, "2026-06-21T08:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			c, env := queues(t)
			_, err := c.MNS.Enqueue("dead", tc.body)
			require.NoError(t, err)
			code, out, errs := vodctl(t, env, "dlq", "redrive", "--yes", "-o", "json", "--wait", "0")
			require.Zero(t, code, errs)
			require.Equal(t, tc.want, decode[redriven](t, out).Letters[0].FirstSeen.Format(time.RFC3339))
			m, err := events.DecodeMetadata([]byte(waiting(t, c, "metadata")[0]))
			require.NoError(t, err)
			require.Equal(t, tc.want, m.FirstSeen.Format(time.RFC3339))
		})
	}
}

func TestDLQEdit(t *testing.T) {
	c, env := queues(t)
	id := bury(t, c, events.DeadLetter{Body: []byte("poison"), Reason: "malformed", Attempts: 1})[0]
	file := filepath.Join(t.TempDir(), "body.json")

	require.NoError(t, os.WriteFile(file, []byte(`{"v":1,"changes":[{"id":"v1","set":{"titel":"x"}}]}`), 0o600))
	code, _, errs := vodctl(t, env, "dlq", "edit", id, "--body", file, "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, `"titel"`, "it would only die again")

	mendedBody := `{"v":1,"changes":[{"id":"v1","set":{"title":"x"}}]}`
	code, out, errs := vodctlIn(t, env, mendedBody, "dlq", "edit", id, "--body", "-", "--wait", "0")
	require.Zero(t, code, errs)
	require.Contains(t, out, "nothing was done, --yes does it\n")

	code, out, errs = vodctlIn(t, env, mendedBody, "dlq", "edit", id, "--body", "-", "--yes", "--wait", "1s")
	require.Zero(t, code, errs)
	require.Contains(t, out, "edited")
	all := waiting(t, c, "dead")
	require.Len(t, all, 1)
	l, err := events.DecodeDeadLetter([]byte(all[0]))
	require.NoError(t, err)
	require.Equal(t, mendedBody, string(l.Body))
	require.Equal(t, "malformed", l.Reason)

	code, _, _ = vodctl(t, env, "dlq", "edit", id)
	require.Equal(t, 2, code)

	id, err = c.MNS.Enqueue("dead", `{"id":"e1","time":"2026-06-21T08:00:00Z","data":{"messageId":"m1","messageBody":"poison"}}`)
	require.NoError(t, err)
	code, _, errs = vodctlIn(t, env, mendedBody, "dlq", "edit", id, "--body", "-", "--yes", "--wait", "1s")
	require.Zero(t, code, errs)
	l, err = events.DecodeDeadLetter([]byte(waiting(t, c, "dead")[0]))
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC), l.FirstSeen, "mended it is as old as it was")
}

// The poison that is kept comes back, first in the queue, while the rate is kept.
func TestDLQRedriveLooksAtEveryLetterOfALongQueue(t *testing.T) {
	c, env := queues(t)
	require.NoError(t, c.MNS.Configure("dead", func(a *fakemns.Attributes) { a.Visibility = 2 * time.Second }))
	for i := range 200 {
		body := []byte("poison")
		if i >= 96 && i < 112 {
			body = fmt.Appendf(nil, `{"v":1,"changes":[{"id":"v%d","set":{"title":"x"}}]}`, i)
		}
		bury(t, c, events.DeadLetter{Body: body, Reason: "failed"})
	}
	code, out, errs := vodctl(t, env, "dlq", "redrive", "--yes", "--rate", "6", "-o", "json", "--wait", "1s")
	require.Zero(t, code, errs)
	r := decode[redriven](t, out)
	require.Equal(t, 16, r.Back)
	require.Equal(t, 184, r.Left)
	require.Len(t, r.Letters, 200)
	for n := 0; n < 184; {
		got, err := c.MNS.Receive(t.Context(), "dead", 16, time.Minute, time.Hour)
		require.NoError(t, err)
		require.NotEmpty(t, got, "all are given back, long before they would come by themselves")
		n += len(got)
	}
}

func TestLongWorkShowsThatItGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		p := (&tool{bar: &b}).progress(" dead letters")
		p.tell(16, time.Time{}, time.Time{})
		require.Empty(t, b.String(), "short work says nothing")
		time.Sleep(10 * time.Second)
		p.tell(1600, time.Time{}, time.Time{})
		p.tell(1616, time.Time{}, time.Time{})
		p.end()
		require.Equal(t, "1,600 dead letters, 160 a second\n", b.String())
	})
}

// MNS answers with nothing when too many wait for an answer; and what cannot be held
// is not worked on.
func TestDLQSaysHowManyLettersItCouldNotLookAt(t *testing.T) {
	for name, fault := range map[string]localcloud.Fault{
		"none are given":   {Op: "BatchReceiveMessage", Kind: "empty"},
		"none can be held": {Op: "ChangeMessageVisibility", Kind: "error"},
	} {
		for _, args := range []string{"list", "redrive --yes", "show nobody"} {
			t.Run(name+" to "+args, func(t *testing.T) {
				c, env := queues(t)
				bury(t, c, slices.Repeat([]events.DeadLetter{{Body: []byte(good), Reason: "missing"}}, 3)...)
				mine := fault // the runs are parallel
				mine.Service, mine.Probability = "mns", 1
				c.SetFaults(mine)
				code, _, errs := vodctl(t, env, append(strings.Fields("dlq "+args), "--wait", "0", "-o", "json")...)
				require.Equal(t, 1, code)
				require.Contains(t, errs, "not looked at: 3 dead letters; run it again: ")
				s := c.MNS.Stats("dead")
				require.Equal(t, 3, s.Active+s.Inactive)
				require.Zero(t, c.MNS.Stats("metadata"))
			})
		}
	}
}

// A letter whose handle ran out is somebody else's, or comes again.
func TestDLQRedriveSendsNoLetterThatItDoesNotHold(t *testing.T) {
	c, env := queues(t)
	bury(t, c, events.DeadLetter{Body: []byte(good), Reason: "missing"})
	c.SetFaults(localcloud.Fault{Service: "mns", Op: "ChangeMessageVisibility", Kind: "expired", Probability: 1, Count: 1})
	code, out, errs := vodctl(t, env, "dlq", "redrive", "--yes", "-o", "json", "--wait", "0")
	require.Zero(t, code, errs)
	require.Equal(t, 1, decode[redriven](t, out).Back)
	require.Len(t, waiting(t, c, "metadata"), 1)
	require.Zero(t, c.MNS.Stats("dead"))
}

func TestDLQNamesWhatIsNotSet(t *testing.T) {
	code, _, errs := vodctl(t, nil, "dlq", "redrive")
	require.Equal(t, 1, code)
	for _, name := range []string{"DEAD_LETTER_QUEUE", "METADATA_QUEUE", "ALIBABA_CLOUD_ACCOUNT_ID"} {
		require.Contains(t, errs, name)
	}
}

// between puts a stand-in between the tool and the queues, which answers the
// requests that it picks with an error of the service.
func between(t *testing.T, env map[string]string, fails func(*http.Request) bool) map[string]string {
	t.Helper()
	target, err := url.Parse(env["MNS_ENDPOINT"])
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fails(r) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `<Error><Code>InternalError</Code><Message>Interal error.</Message><RequestId>1</RequestId><HostId>h</HostId></Error>`)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	out := maps.Clone(env)
	out["MNS_ENDPOINT"] = server.URL
	return out
}

// In powertools-lambda-java#729 a message was deleted before its copy was safe.
func TestDLQRedriveRemovesNothingThatWasNotSent(t *testing.T) {
	c, env := queues(t)
	for i := range 20 {
		bury(t, c, events.DeadLetter{Body: fmt.Appendf(nil, `{"v":1,"changes":[{"id":"v%d","set":{"title":"x"}}]}`, i), Reason: "failed"})
	}
	code, _, errs := vodctl(t, between(t, env, func(r *http.Request) bool { return r.Method == http.MethodPost }),
		"dlq", "redrive", "--yes", "--wait", "0")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "InternalError")
	require.Zero(t, c.MNS.Stats("metadata"))
	s := c.MNS.Stats("dead")
	require.Equal(t, 20, s.Active+s.Inactive)
}

func TestDLQRedriveEndedBetweenSendAndRemoveLosesNothing(t *testing.T) {
	c, env := queues(t)
	for i := range 20 {
		bury(t, c, events.DeadLetter{Body: fmt.Appendf(nil, `{"v":1,"changes":[{"id":"v%d","set":{"title":"x"}}]}`, i), Reason: "failed"})
	}
	code, _, errs := vodctl(t, between(t, env, func(r *http.Request) bool { return r.Method == http.MethodDelete }),
		"dlq", "redrive", "--yes", "--wait", "0")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "outcome unknown")
	s := c.MNS.Stats("dead")
	require.Equal(t, 20, s.Active+s.Inactive, "all are still there")
	code, out, errs := vodctl(t, env, "dlq", "redrive", "--yes", "--rate", "1000", "-o", "json", "--wait", "2s", "--limit", "20")
	require.Zero(t, code, errs)
	require.Equal(t, 20, decode[redriven](t, out).Back)
	ids := map[string]bool{}
	for _, body := range waiting(t, c, "metadata") {
		ids[body] = true
	}
	require.Len(t, ids, 20, "some twice, none lost")
}

func TestDLQRedriveInterruptedGivesTheRestBack(t *testing.T) {
	c, env := queues(t)
	for i := range 40 {
		bury(t, c, events.DeadLetter{Body: fmt.Appendf(nil, `{"v":1,"changes":[{"id":"v%d","set":{"title":"x"}}]}`, i), Reason: "failed"})
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	env = between(t, env, func(r *http.Request) bool {
		if r.Method == http.MethodDelete {
			cancel() // while the first letters are being removed
		}
		return false
	})
	code, out, errs := vodctlUntil(ctx, t, env, "", "dlq", "redrive", "--yes", "--rate", "1", "-o", "json", "--wait", "0")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "context canceled")
	r := decode[redriven](t, out)
	require.Equal(t, 16, r.Back)
	require.Len(t, waiting(t, c, "metadata"), 16)
	s := c.MNS.Stats("dead")
	require.Equal(t, 24, s.Active+s.Inactive, "what was sent is removed, the rest is there")
}

// One letter that is refused again was sent 4,273 times in 77 minutes.
func TestDLQRedriveEndsThoughWhatItSendsDiesAgain(t *testing.T) {
	c, env := queues(t)
	bury(t, c, events.DeadLetter{Body: []byte(good), Reason: "refused", Attempts: 4})
	time.Sleep(1100 * time.Millisecond) // the queue's clock may be a little behind or ahead
	ctx, stop := context.WithCancel(t.Context())
	refusing := make(chan int)
	go func() { // what the function does with it
		n := 0
		for ctx.Err() == nil {
			got, err := c.MNS.Receive(ctx, "metadata", 16, 0, time.Hour)
			if err != nil {
				break
			}
			for _, m := range got {
				n++
				body, _ := base64.StdEncoding.DecodeString(m.Body)
				meta, _ := events.DecodeMetadata(body)
				letter, _ := events.EncodeDeadLetter(events.DeadLetter{Body: body, Reason: "refused", Attempts: meta.Before + meta.Attempts + 1})
				_, _ = c.MNS.Enqueue("dead", base64.StdEncoding.EncodeToString(letter))
			}
			time.Sleep(5 * time.Millisecond)
		}
		refusing <- n
	}()
	code, out, errs := vodctl(t, env, "dlq", "redrive", "--yes", "-o", "json", "--wait", "1s", "--rate", "1000")
	require.Zero(t, code, errs)
	require.Equal(t, 1, decode[redriven](t, out).Back)
	stop()
	require.Equal(t, 1, <-refusing)
	code, out, errs = vodctl(t, env, "dlq", "list", "-o", "json", "--wait", "1s")
	require.Zero(t, code, errs)
	left := decode[[]insight.DeadLetter](t, out)
	require.Len(t, left, 1)
	require.Equal(t, 5, left[0].Attempts, "the tries of both rounds")
}

func TestDLQDropTakesAwayWhatNothingCures(t *testing.T) {
	c, env := queues(t)
	ids := bury(t, c, events.DeadLetter{Body: []byte("poison"), Reason: "malformed", Attempts: 1}, events.DeadLetter{Body: []byte(good), Reason: "throttled"},
		events.DeadLetter{Body: []byte("more"), Reason: "malformed"})
	for _, args := range [][]string{{ids[0]}, {"--reason", "a test's"}, {"--reason", " ", ids[0]}} {
		code, _, _ := vodctl(t, env, append([]string{"dlq", "drop", "--yes"}, args...)...)
		require.Equal(t, 2, code, "%q: without a reason, or without a choice", args)
	}
	code, _, errs := vodctl(t, env, "dlq", "drop", ids[0], "--reason", "of a test", "--wait", "0")
	require.Equal(t, 0, code, errs)
	require.Equal(t, 3, c.MNS.Stats("dead").Active+c.MNS.Stats("dead").Inactive, "only listed")
	time.Sleep(1100 * time.Millisecond)
	code, out, errs := vodctl(t, env, "dlq", "drop", "--matching", "malformed", "--reason", "of a test", "--yes", "-o", "json", "--wait", "1s")
	require.Zero(t, code, errs)
	got := decode[dropped](t, out)
	require.Equal(t, 2, got.Dropped)
	require.Equal(t, 1, c.MNS.Stats("dead").Active+c.MNS.Stats("dead").Inactive)
	for _, key := range got.Kept {
		body, err := os.ReadFile(filepath.Join(strings.TrimPrefix(env["STATE"], "file:"), key))
		require.NoError(t, err)
		l, err := events.DecodeDeadLetter(body)
		require.NoError(t, err)
		require.Contains(t, l.Reason, "dropped: of a test\nmalformed")
	}
	require.Len(t, got.Kept, 2)
	code, _, _ = vodctl(t, env, "dlq", "drop", "no-such-id", "--reason", "x", "--yes", "--wait", "0")
	require.Equal(t, 1, code)
}
