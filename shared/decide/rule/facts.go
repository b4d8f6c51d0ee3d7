package rule

import (
	"cmp"
	"math"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// Facts is what an expression may ask about one media, by the names in the expr
// tags. Integers are plain ints and words plain strings, because the expression
// language compares those exactly. Some facts may not be known yet (see Missing);
// their field is then zero, and an expression that depends on one waits.
//
// It has no methods on purpose: an expression could call them.
type Facts struct {
	ID          string    `expr:"id" doc:"the id of the media"`
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
	Orientation string    `expr:"orientation" doc:"landscape, portrait or square; empty for audio"`
	FPS         float64   `expr:"fps" doc:"frames a second"`
	Bitrate     float64   `expr:"bitrate" doc:"kbit a second"`
	Codec       string    `expr:"codec" doc:"video codec, or audio codec for audio: h264, hevc, aac, …"`
	Uploaded    time.Time `expr:"uploaded" doc:"when it was created"`
	Modified    time.Time `expr:"modified" doc:"when its information last changed"`
	Now         time.Time `expr:"now" doc:"the moment for which is decided"`
	AgeDays     float64   `expr:"age_days" doc:"days since uploaded"`
	IdleDays    float64   `expr:"idle_days" doc:"days since modified"`
	SourceGone  bool      `expr:"source_gone" doc:"the source file was deleted, the media stayed"`
	Streams     []Stream  `expr:"streams" doc:"transcoded outputs: definition, format, codec, status, width, height, size, bitrate, fps, age_days, encrypted"`
	Bytes       int       `expr:"bytes" doc:"bytes of the source file and all streams together"`

	missing mask
}

// Stream is one transcoded output, as expressions see it.
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
}

// Noun is one name that expressions know.
type Noun struct{ Name, Type, Doc string }

// Nouns lists the facts in the order of Facts.
func Nouns() []Noun { return slices.Clone(nouns) }

var nouns = func() (all []Noun) {
	t := reflect.TypeFor[Facts]()
	for i := range t.NumField() {
		field := t.Field(i)
		if name := field.Tag.Get("expr"); name != "" {
			all = append(all, Noun{name, typeName(field.Type), field.Tag.Get("doc")})
		}
	}
	return all
}()

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

// bit is the place of each fact in a mask.
var bit = func() map[string]mask {
	all := map[string]mask{}
	for i, noun := range nouns {
		all[noun.Name] = 1 << i
	}
	return all
}()

func (m mask) names() (names []string) {
	for i, noun := range nouns {
		if m&(1<<i) != 0 {
			names = append(names, noun.Name)
		}
	}
	return names
}

// Missing names the facts that are not known yet.
func Missing(f *Facts) []string { return f.missing.names() }

// Value is the fact of that name, and whether it is known.
func Value(f *Facts, name string) (value any, known bool) {
	b, ok := bit[name]
	if !ok {
		return nil, false
	}
	return reflect.ValueOf(f).Elem().Field(bits.TrailingZeros64(uint64(b))).Interface(), f.missing&b == 0
}

// Labelled tells the facts what smart tagging saw. Until then labels are missing.
func Labelled(f *Facts, labels []string) {
	f.Labels = labels
	f.missing &^= bit["labels"]
}

// FactsOf says what is known of a media at a moment. What the library has not
// found out yet (a source file that was not analysed has no shape) is missing;
// what does not apply (the frame rate of audio) is zero and not missing.
func FactsOf(m video.Media, at time.Time) Facts {
	f := Facts{
		ID: string(m.ID), Kind: string(m.Kind), Title: m.Title, Description: m.Description,
		Category: m.CategoryName, CategoryID: int(m.Category), Tags: m.Tags, Status: string(m.Status),
		Origin: m.Origin, UserData: m.UserData, Storage: m.StorageClass,
		Duration: m.Duration.Seconds(), Size: int(m.Size),
		missing: bit["labels"],
	}
	if s := m.Source; s != nil {
		f.FileName, f.SourceGone = s.FileName, s.Gone()
		f.Duration = cmp.Or(f.Duration, s.Duration.Seconds())
		f.Size = cmp.Or(f.Size, int(s.Size))
		f.Storage = cmp.Or(f.Storage, s.StorageClass)
		f.Width, f.Height, f.FPS, f.Bitrate, f.Codec = s.Width, s.Height, s.FPS, s.Bitrate, s.VideoCodec
		if quarter := s.Rotation % 180; quarter != 0 {
			f.Width, f.Height = f.Height, f.Width
		}
		if f.Kind == "" && (s.Duration > 0 || s.Width > 0) { // it was analysed
			f.Kind = string(video.KindVideo)
			if s.Width == 0 && s.Height == 0 {
				f.Kind = string(video.KindAudio)
			}
		}
		if f.Kind == string(video.KindAudio) {
			f.Codec = s.AudioCodec
		}
	}
	for _, s := range m.Streams {
		stream := Stream{
			Job: s.Job, Definition: s.Definition, Format: s.Format, Codec: s.Codec, Status: s.Status,
			Width: s.Width, Height: s.Height, Size: int(s.Size), Bitrate: s.Bitrate, FPS: s.FPS, Encrypted: s.Encrypted,
		}
		if !s.Created.IsZero() {
			stream.AgeDays = daysBetween(s.Created, at)
		}
		f.Streams = append(f.Streams, stream)
		f.Bytes += stream.Size
	}
	if f.Width == 0 && (f.SourceGone || m.Source == nil) {
		f.fromStreams()
	}
	if !f.SourceGone {
		f.Bytes += f.Size
	}
	f.shape()
	f.times(m.Created, m.Modified, at)
	audio := f.Kind == string(video.KindAudio)
	f.missingIf("kind", f.Kind == "")
	f.missingIf("file_name", f.FileName == "" && !f.SourceGone)
	f.missingIf("category", f.CategoryID != 0 && f.Category == "")
	f.missingIf("status", f.Status == "")
	f.missingIf("origin", f.Origin == "")
	f.missingIf("storage", f.Storage == "")
	f.missingIf("duration", f.Duration == 0)
	f.missingIf("size", f.Size == 0)
	f.missingIf("bytes", m.Streams == nil || f.Size == 0 && !f.SourceGone)
	f.missingIf("streams", m.Streams == nil)
	f.missingIf("width", f.Width == 0 && !audio)
	f.missingIf("height", f.Height == 0 && !audio)
	f.missingIf("short_side", f.Short == 0 && !audio)
	f.missingIf("orientation", f.Orientation == "" && !audio)
	f.missingIf("fps", f.FPS == 0 && !audio)
	f.missingIf("bitrate", f.Bitrate == 0)
	f.missingIf("codec", f.Codec == "")
	return f
}

// FactsOfImage says what is known of an image at a moment. Duration, streams and
// the other facts that only a video has are zero and not missing.
func FactsOfImage(m video.Image, at time.Time) Facts {
	f := Facts{
		ID: string(m.ID), Kind: string(video.KindImage), Title: m.Title, FileName: m.FileName,
		Description: m.Description, Category: m.CategoryName, CategoryID: int(m.Category), Tags: m.Tags,
		Status: m.Status, Size: int(m.Size), Width: m.Width, Height: m.Height, Bytes: int(m.Size),
	}
	f.shape()
	f.times(m.Created, m.Modified, at)
	f.missingIf("file_name", f.FileName == "")
	f.missingIf("category", f.CategoryID != 0 && f.Category == "")
	f.missingIf("status", f.Status == "")
	f.missingIf("size", f.Size == 0)
	f.missingIf("bytes", f.Size == 0)
	f.missingIf("width", f.Width == 0)
	f.missingIf("height", f.Height == 0)
	f.missingIf("short_side", f.Short == 0)
	f.missingIf("orientation", f.Orientation == "")
	return f
}

// fromStreams takes the shape from the largest stream when the source cannot
// tell it. Transcoded pictures are already turned upright.
func (f *Facts) fromStreams() {
	largest := -1
	for i, s := range f.Streams {
		if s.Width > 0 && (largest < 0 || s.Width*s.Height > f.Streams[largest].Width*f.Streams[largest].Height) {
			largest = i
		}
	}
	if largest < 0 {
		return
	}
	s := f.Streams[largest]
	f.Width, f.Height, f.FPS, f.Bitrate, f.Codec = s.Width, s.Height, s.FPS, s.Bitrate, s.Codec
	f.Kind = cmp.Or(f.Kind, string(video.KindVideo))
}

func (f *Facts) shape() {
	f.Short = min(f.Width, f.Height)
	switch {
	case f.Width == 0 || f.Height == 0:
	case f.Width > f.Height:
		f.Orientation = "landscape"
	case f.Width < f.Height:
		f.Orientation = "portrait"
	default:
		f.Orientation = "square"
	}
}

func (f *Facts) times(created, modified, at time.Time) {
	f.Uploaded, f.Modified, f.Now = created, modified, at
	if !created.IsZero() {
		f.AgeDays = daysBetween(created, at)
	}
	if !modified.IsZero() {
		f.IdleDays = daysBetween(modified, at)
	}
	f.missingIf("uploaded", created.IsZero())
	f.missingIf("age_days", created.IsZero())
	f.missingIf("modified", modified.IsZero())
	f.missingIf("idle_days", modified.IsZero())
}

func (f *Facts) missingIf(name string, is bool) {
	if is {
		f.missing |= bit[name]
	} else {
		f.missing &^= bit[name]
	}
}

func daysBetween(from, to time.Time) float64 {
	return math.Max(0, to.Sub(from).Hours()/24)
}

// InCategory moves the facts to a category; an empty name is one not known.
func InCategory(f *Facts, id int64, name string) {
	f.CategoryID, f.Category = int(id), name
	f.missingIf("category", id != 0 && name == "")
}
