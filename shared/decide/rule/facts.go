package rule

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// Facts is what an expression may ask about one asset, by the names in the expr
// tags. Integers are plain ints and words plain strings, because the expression
// language compares those exactly. Each fact is known, not known (Missing names
// those: it may still come), or does not apply (the height of a sound). The field of
// a fact that is not known is zero and means nothing.
//
// It has no exported methods on purpose: an expression could call them.
type Facts struct {
	ID          string    `expr:"id" doc:"the id of the asset"`
	Kind        string    `expr:"kind" doc:"video, audio or image"`
	Title       string    `expr:"title" doc:"the title"`
	FileName    string    `expr:"file_name" doc:"name of the uploaded file"`
	Description string    `expr:"description" doc:"the description"`
	Category    string    `expr:"category" doc:"name of the category; empty when none"`
	CategoryID  int       `expr:"category_id" doc:"id of the category; 0 when none"`
	Tags        []string  `expr:"tags" doc:"the tags it has now"`
	Status      string    `expr:"status" doc:"Normal, Transcoding, Blocked, …"`
	Origin      string    `expr:"origin" doc:"how it came in: general, short_video, editing, live"`
	UserData    string    `expr:"user_data" doc:"what the uploader attached"`
	Storage     string    `expr:"storage" doc:"storage class: Standard, IA, Archive, ColdArchive, …"`
	Labels      []string  `expr:"labels" doc:"what smart tagging saw in it"`
	Duration    float64   `expr:"duration" doc:"seconds"`
	Size        int       `expr:"size" doc:"bytes of the source file"`
	Width       int       `expr:"width" doc:"pixels as shown, after rotation"`
	Height      int       `expr:"height" doc:"pixels as shown, after rotation"`
	Short       int       `expr:"short_side" doc:"the smaller of width and height: 1080 for full HD, upright or not"`
	Orientation string    `expr:"orientation" doc:"landscape, portrait or square, as shown: turned, and with pixels that are not square; empty for audio"`
	FPS         float64   `expr:"fps" doc:"frames a second"`
	Bitrate     float64   `expr:"bitrate" doc:"kbit a second"`
	Codec       string    `expr:"codec" doc:"video codec, or audio codec for audio: h264, hevc, aac, …"`
	Uploaded    time.Time `expr:"uploaded" doc:"when it was created"`
	Modified    time.Time `expr:"modified" doc:"when its information last changed"`
	Now         time.Time `expr:"now" doc:"the moment for which is decided"`
	AgeDays     float64   `expr:"age_days" doc:"days since uploaded"`
	IdleDays    float64   `expr:"idle_days" doc:"days since modified"`
	SourceGone  bool      `expr:"source_gone" doc:"the source file was deleted, the asset stayed"`
	Streams     []Stream  `expr:"streams" doc:"transcoded outputs: definition, format, codec, status, width, height, size, bitrate, fps, age_days, encrypted"`
	Bytes       int       `expr:"bytes" doc:"bytes of the source file and all streams together"`

	missing mask    // not known
	never   mask    // does not apply
	aspect  float64 // of the picture as shown, where pixels are not square: see video.Source
}

// Stream is one transcoded output, as expressions see it. Its fields may be unknown
// or not apply, like facts.
type Stream struct {
	Job        string  `expr:"job"`
	Definition string  `expr:"definition"`
	Format     string  `expr:"format"`
	Codec      string  `expr:"codec"`
	Status     string  `expr:"status"`
	Width      int     `expr:"width"`
	Height     int     `expr:"height"`
	Size       int     `expr:"size"`
	Bitrate    float64 `expr:"bitrate"`
	FPS        float64 `expr:"fps"`
	AgeDays    float64 `expr:"age_days"`
	Encrypted  bool    `expr:"encrypted"`

	missing mask // one bit for each field, in order
	never   mask
}

// Noun is one name that expressions know.
type Noun struct{ Name, Type, Doc string }

// Nouns lists the facts in the order of Facts.
func Nouns() []Noun { return slices.Clone(nouns) }

var nouns = nounsOf(reflect.TypeFor[Facts]())

func nounsOf(t reflect.Type) (all []Noun) {
	for i := range t.NumField() {
		field := t.Field(i)
		if name := field.Tag.Get("expr"); name != "" {
			all = append(all, Noun{name, typeName(field.Type), field.Tag.Get("doc")})
		}
	}
	return all
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Int, reflect.Float64:
		return "number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list of " + strings.TrimSuffix(typeName(t.Elem()), "s") + "s"
	}
	if t == reflect.TypeFor[time.Time]() {
		return "time"
	}
	return strings.ToLower(t.Name())
}

// mask is a set of facts, one bit each.
type mask uint64

// bit is the place of each fact in a mask, streamBit that of each field of a stream.
var (
	streamNouns = nounsOf(reflect.TypeFor[Stream]())
	bit         = places(nouns)
	streamBit   = places(streamNouns)
)

func places(nouns []Noun) map[string]mask {
	all := map[string]mask{}
	for i, noun := range nouns {
		all[noun.Name] = 1 << i
	}
	return all
}

func (m mask) of(nouns []Noun) (names []string) {
	for i, noun := range nouns {
		if m&(1<<i) != 0 {
			names = append(names, noun.Name)
		}
	}
	return names
}

func (m mask) names() []string { return m.of(nouns) }
