package events_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/events"
	"vodcurator/shared/video"
)

func ptr[T any](v T) *T { return &v }

func TestMetadataMessage(t *testing.T) {
	m, err := events.DecodeMetadata([]byte(`{"v":1,"changes":[
	  {"id":"v1","set":{"title":"Lesson one","description":"","category":1000025811,"cover":"http://c/1.jpg"},
	   "tags":{"add":["a"],"remove":["b"]},"issuedAt":"2026-06-21T08:15:07.5Z","ifUnmodifiedSince":"2026-06-21T00:00:00Z"},
	  {"id":"i1","kind":"image","tags":{"set":[]}}],
	 "attempts":2,"firstSeen":"2026-06-21T08:15:08Z","reason":"throttled"}`))
	require.NoError(t, err)
	require.Equal(t, events.Metadata{
		Changes: []video.Change{
			{
				ID:                "v1",
				Set:               video.Fields{Title: ptr("Lesson one"), Description: ptr(""), Category: ptr(int64(1000025811)), Cover: ptr("http://c/1.jpg")},
				Tags:              video.TagEdit{Add: []string{"a"}, Remove: []string{"b"}},
				IssuedAt:          time.Date(2026, 6, 21, 8, 15, 7, 500e6, time.UTC),
				IfUnmodifiedSince: time.Date(2026, 6, 21, 0, 0, 0, 0, time.UTC),
			},
			{ID: "i1", Kind: video.KindImage, Tags: video.TagEdit{Set: &[]string{}}},
		},
		Attempts: 2, FirstSeen: time.Date(2026, 6, 21, 8, 15, 8, 0, time.UTC), Reason: "throttled",
	}, m)
}

func TestMetadataTakesAnUpdateContent(t *testing.T) {
	m, err := events.DecodeMetadata([]byte(` [{"VideoId":"v1","Title":"T","Tags":"a, b,a","Description":"D","CateId":7,"CoverURL":"u"},
	  {"VideoId":"v2","Tags":"","CateId":"8"},{"VideoId":"v3"}]`))
	require.NoError(t, err)
	require.Equal(t, []video.Change{
		{ID: "v1", Set: video.Fields{Title: ptr("T"), Description: ptr("D"), Category: ptr(int64(7)), Cover: ptr("u")}, Tags: video.TagEdit{Set: &[]string{"a", "b"}}},
		{ID: "v2", Set: video.Fields{Category: ptr(int64(8))}, Tags: video.TagEdit{Set: &[]string{}}},
		{ID: "v3"},
	}, m.Changes)
}

func TestMetadataRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want error
		text string
	}{
		"nothing":                    {"", events.ErrMalformed, "neither"},
		"text":                       {"hello", events.ErrMalformed, "neither"},
		"cut off":                    {`{"v":1,"changes":[{"id":"a"}`, events.ErrMalformed, "unexpected end"},
		"no version":                 {`{"changes":[{"id":"a"}]}`, events.ErrVersion, `"" is not 1`},
		"another version":            {`{"v":2,"anything":[]}`, events.ErrVersion, `"2" is not 1`},
		"a version as text":          {`{"v":"1","changes":[{"id":"a"}]}`, events.ErrVersion, "is not 1"},
		"no changes":                 {`{"v":1,"changes":[]}`, events.ErrMalformed, "no changes"},
		"a ref to anything":          {`{"v":1,"ref":"ledger/1"}`, events.ErrMalformed, `ref: "ledger/1" is not a key under messages/`},
		"a ref out of there":         {`{"v":1,"ref":"messages/../ledger/1"}`, events.ErrMalformed, "ref"},
		"a ref to nothing":           {`{"v":1,"ref":"messages/"}`, events.ErrMalformed, "ref"},
		"ref and changes":            {`{"v":1,"ref":"messages/k","changes":[{"id":"a"}]}`, events.ErrMalformed, "both"},
		"an unknown field":           {`{"v":1,"change":[]}`, events.ErrUnknownField, `"change"`},
		"an unknown field, deep":     {`{"v":1,"changes":[{"id":"a","set":{"titel":"x"}}]}`, events.ErrUnknownField, `"titel"`},
		"an unknown field of VOD":    {`[{"VideoId":"a","Titel":"x"}]`, events.ErrUnknownField, `"Titel"`},
		"an empty UpdateContent":     {`[]`, events.ErrMalformed, "no items"},
		"a category that is none":    {`[{"VideoId":"a","CateId":"x"}]`, events.ErrMalformed, "no number"},
		"a number as a title":        {`{"v":1,"changes":[{"id":"a","set":{"title":7}}]}`, events.ErrMalformed, "title"},
		"a time that is none":        {`{"v":1,"changes":[{"id":"a","issuedAt":"yesterday"}]}`, events.ErrMalformed, "yesterday"},
		"negative attempts":          {`{"v":1,"changes":[{"id":"a"}],"attempts":-1}`, events.ErrMalformed, "attempts"},
		"first seen in no year":      {`{"v":1,"changes":[{"id":"a"}],"firstSeen":"9999-12-31T23:59:59-08:00"}`, events.ErrMalformed, "firstSeen"},
		"first seen in year 0":       {`{"v":1,"ref":"messages/a","firstSeen":"0001-01-01T00:00:00+01:00"}`, events.ErrMalformed, "year 0, 1 to 9999"},
		"two values":                 {lesson + lesson, events.ErrMalformed, "after top-level value"},
		"a raw control character":    {"{\"v\":1,\"changes\":[{\"id\":\"a\",\"set\":{\"title\":\"a\x01b\"}}]}", events.ErrMalformed, "invalid character"},
		"not UTF-8":                  {"{\"v\":1,\"changes\":[{\"id\":\"a\",\"set\":{\"title\":\"\xf0\x9f\x8e\"}}]}", events.ErrMalformed, `changes[0].set.title: "\xf0\x9f\x8e" is not UTF-8`},
		"not UTF-8, in a list":       {"{\"v\":1,\"changes\":[{\"id\":\"a\"},{\"id\":\"\uFFFD\",\"tags\":{\"add\":[\"a\",\"\xff\"]}}]}", events.ErrMalformed, `changes[1].tags.add[1]: "\xff" is not UTF-8`},
		"not UTF-8, UpdateContent":   {"[{\"VideoId\":\"a\",\"Title\":\"" + strings.Repeat("x", 100) + "\xf0\"}]", events.ErrMalformed, `[0].Title: "` + strings.Repeat("x", 80) + `…" is not UTF-8`},
		"not UTF-8, deep down":       {strings.Repeat("[", 9) + "\"\xff\"" + strings.Repeat("]", 9), events.ErrMalformed, "is not UTF-8"},
		"not UTF-8, in a name":       {"{\"v\":1,\"\xff\":1}", events.ErrMalformed, "not UTF-8"},
		"not UTF-8, no JSON":         {"{\xff", events.ErrMalformed, "not UTF-8"},
		"more than may ever be sent": {strings.Repeat(" ", events.MaxBody) + lesson, events.ErrTooLarge, "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := events.DecodeMetadata([]byte(tc.body))
			require.ErrorIs(t, err, events.ErrMalformed)
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, tc.text)
			require.Zero(t, m)
		})
	}
}

// A change that breaks a limit comes through the decoder, so that only it is refused.
func TestMetadataLeavesLimitsToEachChange(t *testing.T) {
	m, err := events.DecodeMetadata([]byte(`{"v":1,"changes":[{"id":"a,b"},{"id":"ok","set":{"title":"a\u0001\ud83c"}},{"id":"ok","tags":{"add":["x"]}}]}`))
	require.NoError(t, err)
	require.ErrorContains(t, m.Changes[0].Check(), "id")
	require.ErrorContains(t, m.Changes[1].Check(), "title")
	require.NoError(t, m.Changes[2].Check())
}

func TestMetadataOfALargeMessage(t *testing.T) {
	change := `{"id":"30a1f0c2d7b171f1a4e66723a78e0102","set":{"description":"` + strings.Repeat("字", 341) + `"}}`
	n := (64<<10 - 20) / (len(change) + 1)
	body := `{"v":1,"changes":[` + strings.Repeat(change+",", n-1) + change + `]}`
	require.Greater(t, len(body), 63<<10)
	m, err := events.DecodeMetadata([]byte(body))
	require.NoError(t, err, "a queue message of 64 KB, not wrapped in base64")
	require.Len(t, m.Changes, n)
	back, err := events.EncodeMetadata(m)
	require.NoError(t, err)
	require.Greater(t, len(back), events.MaxMessage, "which our own form would not fit")
	require.Equal(t, body, string(back))
}

func TestMetadataKeepsEmojiForTheChangesOwnCheck(t *testing.T) {
	m, err := events.DecodeMetadata([]byte(`{"v":1,"changes":[{"id":"v1","set":{"title":"a🎬"}},{"id":"v2","set":{"title":"\ud83c\udfac"}},{"id":"v3","set":{"title":"a\tb"}},{"id":"v4","set":{"title":"a\u0000b"}}]}`))
	require.NoError(t, err)
	for i, want := range []string{"U+1F3AC", "U+1F3AC", "", "U+0000"} {
		if err := m.Changes[i].Check(); want != "" {
			require.ErrorContains(t, err, want)
		} else {
			require.NoError(t, err)
		}
	}
}

func TestMetadataComesBackAsItWasSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		when := rapid.Map(rapid.Int64Range(0, 4e12), func(ms int64) time.Time {
			if ms%5 == 0 {
				return time.Time{}
			}
			return time.UnixMilli(ms).UTC()
		})
		tags := rapid.SliceOfN(text, 1, 4)
		m := events.Metadata{Attempts: rapid.IntRange(0, 99).Draw(t, "attempts"), FirstSeen: when.Draw(t, "first"), Reason: text.Draw(t, "reason")}
		if rapid.Bool().Draw(t, "original?") {
			m.Original = rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "original")
		}
		for range rapid.IntRange(1, 4).Draw(t, "n") {
			c := video.Change{ID: video.ID(text.Draw(t, "id")), Kind: rapid.SampledFrom([]video.Kind{"", video.KindImage}).Draw(t, "kind"), IssuedAt: when.Draw(t, "issued")}
			if rapid.Bool().Draw(t, "title?") {
				c.Set.Title = ptr(text.Draw(t, "title"))
				c.Set.Category = ptr(rapid.Int64().Draw(t, "category"))
			}
			if rapid.Bool().Draw(t, "tags?") {
				c.Tags = video.TagEdit{Add: tags.Draw(t, "add"), Remove: tags.Draw(t, "remove"), Set: ptr(tags.Draw(t, "set"))}
			}
			m.Changes = append(m.Changes, c)
		}
		body, err := events.EncodeMetadata(m)
		require.NoError(t, err)
		back, err := events.DecodeMetadata(body)
		require.NoError(t, err)
		require.Equal(t, m, back)
	})
}

func TestEncodeMetadataRefusesWhatWouldNotComeBack(t *testing.T) {
	for name, m := range map[string]events.Metadata{
		"nothing":   {},
		"both":      {Ref: "messages/k", Changes: []video.Change{{ID: "a"}}},
		"not UTF-8": {Changes: []video.Change{{ID: "a", Tags: video.TagEdit{Add: []string{"\xf0\x9f"}}}}},
		"attempts":  {Ref: "messages/k", Attempts: -1},
		"year":      {Ref: "messages/k", FirstSeen: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"too large": {Changes: []video.Change{{ID: "a", Set: video.Fields{Title: ptr(strings.Repeat("x", events.MaxBody))}}}},
	} {
		body, err := events.EncodeMetadata(m)
		require.ErrorIs(t, err, video.ErrInvalid, name)
		require.Nil(t, body, name)
	}
}

func TestDeadLetterKeepsEveryByte(t *testing.T) {
	for _, body := range []string{"hello", "\x00\xff{", lesson} {
		l := events.DeadLetter{ID: "m1", Body: []byte(body), Reason: "tags: 17 tags, at most 16", Attempts: 3, FirstSeen: time.Date(2026, 6, 21, 8, 0, 0, 0, time.UTC)}
		raw, err := events.EncodeDeadLetter(l)
		require.NoError(t, err)
		back, err := events.DecodeDeadLetter(raw)
		require.NoError(t, err)
		require.Equal(t, l, back)
	}
	for _, raw := range []string{"", "{}", "[]", `{"v":2,"reason":"x"}`, `{"v":1,"why":"x"}`, `{"v":1,"reason":"x","firstSeen":"0000-01-01T00:00:00Z"}`} {
		l, err := events.DecodeDeadLetter([]byte(raw))
		require.ErrorIs(t, err, events.ErrMalformed, raw)
		require.Zero(t, l)
	}
}

func TestNamesAreOursToTheLetterAndOnce(t *testing.T) {
	for body, want := range map[string]string{
		`{"v":1,"changes":[{"id":"a","set":{"title":"A","Title":"B"}}]}`: `unknown field "Title"`,
		`{"v":1,"changes":[{"id":"a","set":{"title":"A","title":"B"}}]}`: `the field "title" is there twice`,
		`{"v":1,"V":1,"changes":[{"id":"a"}]}`:                           `unknown field "V"`,
		`{"v":1,"changes":[{"ID":"a"}]}`:                                 `unknown field "ID"`,
		`{"v":1,"retag":[{"id":"a","id":"b"}]}`:                          `the field "id" is there twice`,
		`[{"VideoId":"a","title":"x"}]`:                                  `unknown field "title"`,
		`{"v":1,"changes":[{"id":"a"}],"changes":[{"id":"b"}]}`:          `the field "changes" is there twice`,
	} {
		_, err := events.DecodeMetadata([]byte(body))
		require.ErrorIs(t, err, events.ErrMalformed)
		require.ErrorContains(t, err, want)
	}
	m, err := events.DecodeMetadata([]byte("\ufeff" + `{"v":1,"changes":[{"id":"a","tags":{"add":["x"]}}]}`))
	require.NoError(t, err, "a byte order mark says nothing")
	require.Len(t, m.Changes, 1)
}
