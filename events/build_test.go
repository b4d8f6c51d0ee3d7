package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"vodcurator/events"
	"vodcurator/shared/video"
)

func ExampleChangeOf() {
	change, err := events.ChangeOf("30a1f0c2d7b171f1a4e66723a78e0102").
		Title("Lesson one").
		AddTags("lesson", "2026").
		RemoveTags("draft").
		IssuedAt(time.Date(2026, 6, 21, 8, 15, 7, 0, time.UTC)).
		Change()
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := events.EncodeMetadata(events.Metadata{Changes: []video.Change{change}})
	fmt.Println(string(message), err)
	// Output:
	// {"v":1,"changes":[{"id":"30a1f0c2d7b171f1a4e66723a78e0102","set":{"title":"Lesson one"},"tags":{"add":["lesson","2026"],"remove":["draft"]},"issuedAt":"2026-06-21T08:15:07Z"}]} <nil>
}

func TestBuilderMakesWhatAChangeCanHold(t *testing.T) {
	when := time.Date(2026, 6, 21, 8, 15, 7, 0, time.UTC)
	got, err := events.ChangeOfImage("i1").Title("t").Description("").Category(7).Tags().AddTags("a").AddTags("b").RemoveTags("c").
		IssuedAt(when.In(time.FixedZone("", 8*3600))).IfUnmodifiedSince(when).Change()
	require.NoError(t, err)
	require.Equal(t, video.Change{
		ID: "i1", Kind: video.KindImage,
		Set:      video.Fields{Title: ptr("t"), Description: ptr(""), Category: ptr(int64(7))},
		Tags:     video.TagEdit{Set: &[]string{}, Add: []string{"a", "b"}, Remove: []string{"c"}},
		IssuedAt: when, IfUnmodifiedSince: when,
	}, got)

	t.Run("a start is good for many", func(t *testing.T) {
		start := events.ChangeOf("v1").AddTags("a")
		one, err := start.AddTags("b").Change()
		require.NoError(t, err)
		two, err := start.AddTags("c").Cover("http://c/1.jpg").Change()
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, one.Tags.Add)
		require.Equal(t, []string{"a", "c"}, two.Tags.Add)
		require.Nil(t, one.Set.Cover)
	})
	t.Run("what the provider would refuse", func(t *testing.T) {
		got, err := events.ChangeOf("a,b").Title(strings.Repeat("x", 129)).Tags("🎬").Change()
		require.ErrorIs(t, err, video.ErrInvalid)
		for _, want := range []string{"id", "129 bytes, at most 128", "U+1F3AC"} {
			require.ErrorContains(t, err, want)
		}
		require.Zero(t, got)
	})
}

func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(events.MetadataSchema))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("metadata.schema.json", doc))
	s, err := c.Compile("metadata.schema.json")
	require.NoError(t, err)
	return s
}

func fits(t testing.TB, s *jsonschema.Schema, body string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// fill gives every field of a struct a value, so that a field that is new shows up
// in what is written.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 6, 21, 8, 15, 7, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("video")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint('x')
	default:
		v.SetInt(1)
	}
}

func TestSchemaKnowsEveryFieldThatIsWritten(t *testing.T) {
	s := schema(t)
	var m events.Metadata
	fill(reflect.ValueOf(&m).Elem())
	ref := m
	m.Ref, ref.Ref = "", "messages/1"
	ref.Changes, ref.Retag = nil, nil
	m.Origin, ref.Origin = events.OriginRules, ""
	bulk := ref
	m.Bulk, ref.Bulk, bulk.Ref = false, false, ""
	for _, m := range []events.Metadata{m, ref, bulk} {
		body, err := events.EncodeMetadata(m)
		require.NoError(t, err)
		require.NoError(t, fits(t, s, string(body)))
	}
}

func TestDecoderKnowsEveryFieldOfTheSchema(t *testing.T) {
	var doc struct {
		Defs map[string]struct {
			Properties map[string]json.RawMessage
			Items      struct{ Properties map[string]json.RawMessage }
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(events.MetadataSchema, &doc))
	seen := 0
	for def, form := range map[string]string{
		"message":       `{"v":1,%q:null}`,
		"retag":         `{"v":1,"retag":[{%q:null}]}`,
		"change":        `{"v":1,"changes":[{%q:null}]}`,
		"fields":        `{"v":1,"changes":[{"set":{%q:null}}]}`,
		"tags":          `{"v":1,"changes":[{"tags":{%q:null}}]}`,
		"updateContent": `[{%q:null}]`,
	} {
		d := doc.Defs[def]
		for name := range d.Properties {
			_, err := events.DecodeMetadata(fmt.Appendf(nil, form, name))
			require.NotErrorIs(t, err, events.ErrUnknownField, "%s.%s", def, name)
			seen++
		}
		for name := range d.Items.Properties {
			_, err := events.DecodeMetadata(fmt.Appendf(nil, form, name))
			require.NotErrorIs(t, err, events.ErrUnknownField, "%s.%s", def, name)
			seen++
		}
		_, err := events.DecodeMetadata(fmt.Appendf(nil, form, "surprise"))
		require.ErrorIs(t, err, events.ErrUnknownField, def)
	}
	require.Equal(t, 11+7+8+4+3+6, seen)
}

func TestSchemaAndDecoderAgree(t *testing.T) {
	s := schema(t)
	for _, body := range []string{
		lesson, `{"v":1,"ref":"messages/2026-11-24/1"}`, `{"v":1,"bulk":true}`, `[{"VideoId":"a","CateId":"7"}]`, `[{"VideoId":"a","CateId":7,"Tags":""}]`,
		`{"v":1,"changes":[{"id":"a","kind":"audio","set":{"title":""},"tags":{"set":[]}}],"attempts":3,"firstSeen":"2026-06-21T08:15:08+08:00"}`,
		`{"v":1,"changes":[{"id":"a","by":"acs:ram::1:user/anna","source":"文.csv line 3"}],"retag":[{"id":"a","by":"anna","source":""}]}`,
	} {
		require.NoError(t, fits(t, s, body), body)
		m, err := events.DecodeMetadata([]byte(body))
		require.NoError(t, err, body)
		for _, c := range m.Changes {
			require.NoError(t, c.Check(), body)
		}
	}
	for _, body := range []string{
		`7`, `{}`, `[]`, `{"v":2,"changes":[{"id":"a"}]}`, `{"v":1}`, `{"v":1,"changes":[]}`, `{"v":1,"ref":"messages/k","changes":[{"id":"a"}]}`, `{"v":1,"ref":"ledger/1"}`, `{"v":1,"bulk":false}`, `{"v":1,"bulk":true,"changes":[{"id":"a"}]}`, `{"v":1,"bulk":true,"ref":"messages/k"}`, `{"v":1,"ref":"messages/../k"}`,
		`{"v":1,"changes":[{}]}`, `{"v":1,"changes":[{"id":"a,b"}]}`, `{"v":1,"changes":[{"id":"a\n"}]}`, `{"v":1,"changes":[{"id":"a","kind":"song"}]}`,
		`{"v":1,"changes":[{"id":"a","set":{"titel":"x"}}]}`, `{"v":1,"changes":[{"id":"a","set":{"title":7}}]}`,
		`{"v":1,"changes":[{"id":"a","tags":{"add":["a,b"]}}]}`, `{"v":1,"changes":[{"id":"a","tags":["x"]}]}`,
		`{"v":1,"changes":[{"id":"a","set":{"title":"` + strings.Repeat("x", 129) + `"}}]}`,
		`{"v":1,"changes":[{"id":"a","tags":{"set":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"]}}]}`,
		`{"v":1,"changes":[{"id":"a","by":7}]}`, `{"v":1,"changes":[{"id":"a","source":"` + strings.Repeat("x", 257) + `"}]}`,
		`{"v":1,"changes":[{"id":"a","issuedAt":"yesterday"}]}`, `{"v":1,"changes":[{"id":"a"}],"attempts":-1}`,
		`[{"Title":"no id"}]`, `[{"VideoId":"a","CateId":"x"}]`, `[{"VideoId":"a","Titel":"x"}]`,
	} {
		require.Error(t, fits(t, s, body), body)
		m, err := events.DecodeMetadata([]byte(body))
		for _, c := range m.Changes {
			if err == nil {
				err = c.Check()
			}
		}
		require.Error(t, err, body)
	}
}
