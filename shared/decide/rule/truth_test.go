package rule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// writer makes random expressions that compile.
type writer struct {
	t    *rapid.T
	over string // what # is: "text", "stream" or nothing
	let  bool   // x is a number
}

func (w writer) pick(of ...string) string { return rapid.SampledFrom(of).Draw(w.t, "pick") }

func (w writer) condition(depth int) string {
	if depth <= 0 {
		return w.pick(`true`, `source_gone`, `kind == "video"`, `"a" in tags`, `duration > 30`, `height < 480`, `title contains "a"`, `size == 0`, `uploaded < now`)
	}
	a, b := func() string { return w.condition(depth - 1) }, func() string { return w.number(depth - 1) }
	switch rapid.IntRange(0, 14).Draw(w.t, "condition") {
	case 0:
		return "(" + a() + " and " + a() + ")"
	case 1:
		return "(" + a() + " or " + a() + ")"
	case 2:
		return "not (" + a() + ")"
	case 3:
		return "(" + a() + " ? " + a() + " : " + a() + ")"
	case 4:
		return b() + w.pick(" < ", " <= ", " > ", " >= ", " == ", " != ") + b()
	case 5:
		return w.text(depth-1) + w.pick(" == ", " != ", " contains ", " startsWith ", " endsWith ") + w.text(depth-1)
	case 6:
		return w.text(depth-1) + " in " + w.texts(depth-1)
	case 7:
		return b() + " in [1, 2, " + b() + "]"
	case 8:
		return w.text(depth-1) + ` matches "^[a-c]+"`
	case 9:
		return w.pick("mentions", "has_word") + "(" + w.text(depth-1) + `, "a", ` + w.text(depth-1) + ")"
	case 10:
		return w.pick("all", "any", "none", "one") + "(streams, " + writer{w.t, "stream", w.let}.condition(depth-1) + ")"
	case 11:
		return w.pick("all", "any", "none", "one") + "(" + w.texts(depth-1) + ", " + writer{w.t, "text", w.let}.condition(depth-1) + ")"
	case 12:
		return w.pick("now", "modified") + " - uploaded " + w.pick("<", ">") + " days(" + w.pick("30", "0.5", "400") + ")"
	case 13:
		return w.texts(depth-1) + " == " + w.texts(depth-1)
	}
	if w.over == "stream" {
		return w.pick(".height", ".width", ".size", ".fps", ".age_days") + w.pick(" < ", " >= ") + w.pick("480", "720", "30.5", "1000")
	}
	return w.condition(0)
}

func (w writer) number(depth int) string {
	if depth <= 0 {
		if w.over == "stream" && rapid.Bool().Draw(w.t, "field") {
			return w.pick(".height", ".width", ".size", ".bitrate", ".fps", ".age_days")
		}
		if w.let && rapid.Bool().Draw(w.t, "variable") {
			return "x"
		}
		return w.pick("duration", "size", "width", "height", "short_side", "fps", "bitrate", "age_days", "idle_days", "bytes", "category_id", "0", "1", "480", "9223372036854775807")
	}
	a := func() string { return w.number(depth - 1) }
	switch rapid.IntRange(0, 9).Draw(w.t, "number") {
	case 0:
		return "(" + a() + w.pick(" + ", " - ", " * ", " / ", " ** ") + a() + ")"
	case 1:
		return "(int(" + a() + ") % int(" + a() + "))"
	case 2:
		return "len(" + w.pick(w.text(depth-1), w.texts(depth-1)) + ")"
	case 3:
		return "count(streams, " + w.pick(".size > 100", ".height > 480") + ")"
	case 4:
		return "sum(streams, .size)"
	case 5:
		return w.pick("min", "max") + "(" + a() + ", map(streams, .height))"
	case 6:
		return w.pick("abs", "ceil", "floor", "round", "int", "float") + "(" + a() + ")"
	case 7:
		return "len(filter(streams, " + writer{w.t, "stream", w.let}.condition(depth-1) + "))"
	case 8:
		return "(" + w.condition(depth-1) + " ? " + a() + " : " + a() + ")"
	}
	return a()
}

func (w writer) text(depth int) string {
	if depth <= 0 {
		if w.over == "text" && rapid.Bool().Draw(w.t, "element") {
			return "#"
		}
		if w.over == "stream" && rapid.Bool().Draw(w.t, "element") {
			return w.pick(".codec", ".definition", ".status", ".job")
		}
		return w.pick("title", "file_name", "category", "codec", "lower(orientation)", "status", "origin", `"a"`, `"b c"`, `""`)
	}
	switch rapid.IntRange(0, 5).Draw(w.t, "text") {
	case 0:
		return w.pick("lower", "upper", "trim") + "(" + w.text(depth-1) + ")"
	case 1:
		return "string(" + w.number(depth-1) + ")"
	case 2:
		return "tags[" + w.pick("0", "1", "-1") + "]"
	case 3:
		return "(" + w.text(depth-1) + " + " + w.text(depth-1) + ")"
	}
	return w.text(0)
}

func (w writer) texts(depth int) string {
	if depth <= 0 {
		return w.pick("tags", "labels", `["a", "b"]`, `["a", title]`)
	}
	switch rapid.IntRange(0, 4).Draw(w.t, "texts") {
	case 0:
		return "split(" + w.text(depth-1) + `, " ")`
	case 1:
		return "filter(" + w.texts(depth-1) + ", " + writer{w.t, "text", w.let}.condition(depth-1) + ")"
	case 2:
		return "map(streams, .codec)"
	case 3:
		return "tags[" + w.pick("0", "1", "-1") + ":]"
	}
	return w.texts(0)
}

// someFacts are facts of which any may be unknown, or all known.
func someFacts(t *rapid.T, whole bool) rule.Facts {
	low := 0
	if whole {
		low = 1
	}
	n := func(label string) int {
		return rapid.SampledFrom([]int{0, 1, 2, 480, 720, 1 << 40}[low:]).Draw(t, label)
	}
	text := func(label string) string {
		return rapid.SampledFrom([]string{"", "a", "b c", "Ab", "h264"}[low:]).Draw(t, label)
	}
	when := func(label string) time.Time {
		if days := n(label); days > 0 {
			return at.AddDate(0, 0, -days%1000)
		}
		return time.Time{}
	}
	kinds := []string{"", "audio", "video"}
	kind := video.Kind(rapid.SampledFrom(kinds[2*low:]).Draw(t, "kind"))
	m := video.Media{Video: video.Video{
		ID: "a1", Kind: kind, Title: text("title"), Category: int64(n("category")), CategoryName: text("category name"), Status: video.Status(text("status")),
		Origin: text("origin"), StorageClass: text("storage"), Created: when("created"), Modified: when("modified"), Size: int64(n("size")),
		Tags: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "b c"}), low, 3).Draw(t, "tags"),
	}}
	if whole || rapid.Bool().Draw(t, "has source") {
		m.Source = &video.Source{
			Status: "Normal", FileName: text("file"), Duration: time.Duration(n("duration")%1000) * time.Second, Width: n("width"), Height: n("height"),
			FPS: float64(n("fps")), Bitrate: float64(n("bitrate")), VideoCodec: text("codec"), AudioCodec: text("sound"),
		}
	}
	for i := range rapid.IntRange(low, 3).Draw(t, "streams") {
		m.Streams = append(m.Streams, video.Stream{
			Job: fmt.Sprint("j", i), Definition: text("definition"), Format: "mp4", Codec: text("stream codec"), Status: text("stream status"),
			Width: n("stream width"), Height: n("stream height"), Size: int64(n("stream size")), FPS: float64(n("stream fps")), Bitrate: float64(n("stream bitrate")), Created: when("stream created"),
		})
	}
	if m.Streams == nil && rapid.Bool().Draw(t, "no streams") {
		m.Streams = []video.Stream{}
	}
	f := rule.FactsOf(m, at)
	if whole || rapid.Bool().Draw(t, "labelled") {
		rule.Labelled(&f, rapid.SliceOfN(rapid.SampledFrom([]string{"a", "cat"}), low, 2).Draw(t, "labels"))
	}
	return f
}

// expression is one that compiles; most random ones do.
func expression(t *rapid.T) *rule.Program {
	depth, let := rapid.IntRange(1, 4).Draw(t, "depth"), rapid.Bool().Draw(t, "let")
	text := writer{t: t, let: let}.condition(depth)
	if let {
		text = "let x = " + writer{t: t}.number(depth-1) + "; " + text
	}
	p, err := rule.Compile(text)
	if err != nil {
		for _, refused := range []string{"cannot be true", "cannot be computed", "mismatched", "invalid argument", "constant", "cannot be compiled", "out of range", " steps, at most "} {
			if strings.Contains(err.Error(), refused) {
				t.Skip(err.Error())
			}
		}
		require.NoError(t, err, text)
	}
	return p
}

// Where all is known, the interpreter answers as the expression language does. It may
// only know less, where that language computes with what cannot be computed.
func TestWithAllKnownThreeValuedLogicIsTheLanguage(t *testing.T) {
	same, unsure, quick := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p, f := expression(t), someFacts(t, true)
		slow, _, _ := rule.Slow(p, &f)
		holds, asked, err := rule.Quick(p, &f)
		if asked {
			quick++
			require.NoError(t, err, p.Text())
			require.NotEqual(t, rule.Unknown, slow, p.Text())
		}
		if slow == rule.Unknown || err != nil {
			unsure++
			return
		}
		require.Equal(t, holds, slow == rule.Yes, p.Text())
		same++
	})
	t.Logf("%d equal, %d not known or failing, %d of all by the machine", same, unsure, quick)
}

// Forgetting a fact may make an answer unknown, and never turns it round.
func TestForgettingAFactNeverTurnsAnAnswerRound(t *testing.T) {
	kept, lost := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p, f := expression(t), someFacts(t, rapid.Bool().Draw(t, "whole"))
		before, _, _ := p.Ask(&f)
		names := rule.Known(&f)
		for range rapid.IntRange(1, 4).Draw(t, "how many") {
			name := rapid.SampledFrom(names).Draw(t, "forgotten")
			rule.Without(&f, name)
			after, missing, err := p.Ask(&f)
			if after == rule.Unknown {
				require.True(t, len(missing) > 0 || err != nil, p.Text())
				before = after
				lost++
				continue
			}
			require.Empty(t, missing)
			require.NoError(t, err)
			require.Equal(t, before, after, "%s without %s", p.Text(), name)
			kept++
		}
	})
	t.Logf("%d answers stayed, %d became unknown", kept, lost)
}
