package probe_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/probe"
)

// The matrix: files made by ffmpeg (recipes_test.go), read by this package and by
// ffprobe, field by field. What ffprobe said is kept beside the files, so that every
// run compares without it; make conformance makes all files anew and asks it again.
// UPDATE_GOLDEN=1 make conformance keeps the new files and answers.

var kept = filepath.Join("..", "..", "..", "testdata", "media", "matrix")

// answer is what ffprobe says of a file, as far as it is compared.
type answer struct {
	Refused bool     `json:"refused,omitempty"` // ffprobe found no media in it
	Format  *form    `json:"format,omitempty"`
	Streams []stream `json:"streams,omitempty"`
}

type form struct {
	Duration string `json:"duration,omitempty"`
	BitRate  string `json:"bit_rate,omitempty"`
}

type stream struct {
	CodecType   string  `json:"codec_type"`
	CodecName   string  `json:"codec_name,omitempty"`
	Profile     string  `json:"profile,omitempty"`
	Level       int     `json:"level,omitempty"`
	Width       int     `json:"width,omitempty"`
	Height      int     `json:"height,omitempty"`
	Sar         string  `json:"sample_aspect_ratio,omitempty"`
	Dar         string  `json:"display_aspect_ratio,omitempty"`
	FrameRate   string  `json:"avg_frame_rate,omitempty"`
	Duration    string  `json:"duration,omitempty"`
	BitRate     string  `json:"bit_rate,omitempty"`
	Frames      string  `json:"nb_frames,omitempty"`
	SampleRate  string  `json:"sample_rate,omitempty"`
	Channels    int     `json:"channels,omitempty"`
	Disposition *placed `json:"disposition,omitempty"`
	SideData    []turn  `json:"side_data_list,omitempty"`
}

type placed struct {
	AttachedPic int `json:"attached_pic,omitempty"`
}

type turn struct {
	Rotation *float64 `json:"rotation,omitempty"`
}

func TestMatrixEqualsFfprobe(t *testing.T) {
	files, said := keptFiles(t), map[string]answer{}
	raw, err := os.ReadFile(filepath.Join(kept, "ffprobe.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &said))
	require.Equal(t, slices.Sorted(maps.Keys(said)), slices.Sorted(maps.Keys(files)), "files and answers")
	require.GreaterOrEqual(t, len(files), 60)
	total := 0
	for _, body := range files {
		total += len(body)
	}
	require.Less(t, total, 4<<20, "the files together")
	table := compare(t, files, said)
	golden := kept + ".txt"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(golden, []byte(table), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), table, "UPDATE_GOLDEN=1 writes the table anew")
}

// TestMatrixMadeAnew is the part of make conformance.
func TestMatrixMadeAnew(t *testing.T) {
	if os.Getenv("CONFORMANCE") == "" {
		t.Skip("makes the files anew with ffmpeg: make conformance")
	}
	ffmpeg, ffprobe := program(t, "ffmpeg"), program(t, "ffprobe")
	dir := t.TempDir()
	files, said := map[string][]byte{}, map[string]answer{}
	for _, r := range recipes {
		path := filepath.Join(dir, r.name)
		body := r.make(t, ffmpeg, dir, files)
		require.NoError(t, os.WriteFile(path, body, 0o600))
		files[r.name], said[r.name] = body, ask(t, ffprobe, path)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		keep(t, files, said)
	}
	compare(t, files, said)
}

func keep(t *testing.T, files map[string][]byte, said map[string]answer) {
	t.Helper()
	require.NoError(t, os.RemoveAll(kept))
	require.NoError(t, os.MkdirAll(kept, 0o755))
	for name, body := range files {
		require.NoError(t, os.WriteFile(filepath.Join(kept, name), body, 0o644))
	}
	var out bytes.Buffer
	out.WriteString("{\n")
	for i, name := range slices.Sorted(maps.Keys(said)) {
		line, err := json.Marshal(said[name])
		require.NoError(t, err)
		fmt.Fprintf(&out, "%q: %s%s\n", name, line, map[bool]string{true: ",", false: ""}[i < len(said)-1])
	}
	out.WriteString("}\n")
	require.NoError(t, os.WriteFile(filepath.Join(kept, "ffprobe.json"), out.Bytes(), 0o644))
}

func keptFiles(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(kept)
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		body, err := os.ReadFile(filepath.Join(kept, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = body
	}
	return files
}

// program finds one of ffmpeg's: where npm ci laid it, or on the path.
func program(t *testing.T, name string) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join("..", "..", "..", "testdata", "conformance", "node_modules", "@"+name+"-installer", "*-*", name))
	if len(found) > 0 {
		path, err := filepath.Abs(found[0])
		require.NoError(t, err)
		require.NoError(t, os.Chmod(path, 0o755), "npm ci runs no scripts, which would do this")
		return path
	}
	path, err := exec.LookPath(name)
	require.NoError(t, err, "make conformance brings %s", name)
	return path
}

func ask(t *testing.T, ffprobe, path string) answer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), ffprobe, "-v", "quiet", "-of", "json", "-show_format", "-show_streams", path)
	cmd.Env = append(os.Environ(), "GCONV_PATH=/nonexistent") // a static ffprobe must not load the system's converters: it crashes
	out, err := cmd.Output()
	if err != nil {
		require.Equal(t, 1, cmd.ProcessState.ExitCode(), "ffprobe %s: %v", path, err)
		return answer{Refused: true}
	}
	var a answer
	require.NoError(t, json.Unmarshal(out, &a))
	a.Streams = slices.DeleteFunc(a.Streams, func(s stream) bool {
		return s.CodecType != "video" && s.CodecType != "audio" || s.Disposition != nil && s.Disposition.AttachedPic != 0
	})
	for i := range a.Streams {
		a.Streams[i].Disposition = nil
		a.Streams[i].SideData = slices.DeleteFunc(a.Streams[i].SideData, func(d turn) bool { return d.Rotation == nil })
	}
	return a
}

// compare prints the matrix, and wants exactly the differences that have a reason.
func compare(t *testing.T, files map[string][]byte, said map[string]answer) string {
	t.Helper()
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "FILE\tOURS\tFFPROBE\tEQUAL")
	equal := 0
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		ours, theirs := ourFields(files[name]), theirFields(said[name])
		var differ []string
		for _, field := range slices.Sorted(maps.Keys(theirs)) {
			if !same(field, ours[field], theirs[field]) {
				differ = append(differ, field)
			}
		}
		if len(theirs) > 0 && ours["tracks"] != theirs["tracks"] {
			differ = []string{"tracks"}
		}
		verdict := "yes"
		var shown, wanted []string
		for _, field := range differ {
			shown, wanted = append(shown, field+" "+ours[field]), append(wanted, field+" "+theirs[field])
		}
		reason := differences[name]
		switch {
		case len(differ) == 0:
			equal++
			shown, wanted = []string{summary(ours)}, []string{summary(theirs)}
		case reason.why != "" && slices.Equal(differ, strings.Fields(reason.fields)):
			verdict = "no: " + reason.why
		default:
			verdict = "NO"
		}
		if verdict == "NO" || len(differ) == 0 && reason.why != "" {
			wrong = append(wrong, name+": ours "+strings.Join(shown, ", ")+"; ffprobe "+strings.Join(wanted, ", "))
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, strings.Join(shown, ", "), strings.Join(wanted, ", "), verdict)
	}
	_ = w.Flush() // into memory
	_, _ = fmt.Fprintf(&out, "%d files, %d equal in every field, %d with a reason\n", len(files), equal, len(differences))
	t.Logf("\n%s", &out)
	require.Empty(t, wrong)
	return out.String()
}

func summary(f map[string]string) string {
	if f["tracks"] == "refused" {
		return "refused"
	}
	text := f["tracks"] + " " + f["duration"] + " s"
	for i := range 4 {
		n := strconv.Itoa(i)
		if size := f[n+".size"]; size != "" {
			text += " " + size + " " + f[n+".dar"] + " turned " + f[n+".rotation"]
		}
	}
	return text
}

func ourFields(body []byte) map[string]string {
	m, err := probe.Read(bytes.NewReader(body))
	if err != nil {
		return map[string]string{"tracks": "refused"}
	}
	f := map[string]string{"duration": dec(m.Duration), "bitrate": dec(m.Bitrate * 1000)}
	var kinds []string
	for i, t := range m.Tracks {
		n := strconv.Itoa(i) + "."
		kinds = append(kinds, t.Codec)
		f[n+"duration"], f[n+"bitrate"], f[n+"frames"] = dec(t.Duration), dec(t.Bitrate), dec(float64(t.Frames))
		f[n+"profile"], f[n+"level"] = t.Profile, strconv.Itoa(t.Level)
		if t.Kind == "video" {
			f[n+"size"], f[n+"sar"], f[n+"dar"] = fmt.Sprintf("%dx%d", t.Width, t.Height), t.Sar, t.Dar
			f[n+"rotation"], f[n+"fps"] = strconv.Itoa(t.Rotation), dec(t.FPS)
		} else {
			f[n+"rate"], f[n+"channels"] = strconv.Itoa(t.SampleRate), strconv.Itoa(t.Channels)
		}
	}
	f["tracks"] = strings.Join(kinds, " ")
	return f
}

// profiled are the codecs whose profile and level stand in a header.
var profiled = []string{"h264", "hevc", "aac"}

func theirFields(a answer) map[string]string {
	if a.Refused || len(a.Streams) == 0 {
		return map[string]string{"tracks": "refused"}
	}
	f := map[string]string{}
	put := func(field, value string) {
		if value != "" {
			f[field] = value
		}
	}
	if a.Format != nil {
		put("duration", a.Format.Duration)
		put("bitrate", a.Format.BitRate)
	}
	var kinds []string
	for i, s := range a.Streams {
		n := strconv.Itoa(i) + "."
		kinds = append(kinds, s.CodecName)
		put(n+"duration", s.Duration)
		put(n+"bitrate", s.BitRate)
		put(n+"frames", s.Frames)
		if slices.Contains(profiled, s.CodecName) {
			put(n+"profile", s.Profile)
			if s.Level > 0 {
				put(n+"level", strconv.Itoa(s.Level))
			}
		}
		if s.CodecType == "audio" {
			put(n+"rate", s.SampleRate)
			put(n+"channels", strconv.Itoa(s.Channels))
			continue
		}
		put(n+"size", fmt.Sprintf("%dx%d", s.Width, s.Height))
		if s.Sar != "0:1" {
			put(n+"sar", s.Sar)
			put(n+"dar", s.Dar)
		}
		rotation := 0
		for _, d := range s.SideData {
			rotation = (int(math.Round(-*d.Rotation)) + 360) % 360
		}
		put(n+"rotation", strconv.Itoa(rotation))
		if num, den, ok := strings.Cut(s.FrameRate, "/"); ok && num != "0" && den != "0" {
			a, _ := strconv.ParseFloat(num, 64)
			b, _ := strconv.ParseFloat(den, 64)
			put(n+"fps", dec(a/b))
		}
	}
	f["tracks"] = strings.Join(kinds, " ")
	return f
}

func dec(v float64) string { return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64) }

// same compares words exactly and numbers as exactly as ffprobe prints them.
func same(field, ours, theirs string) bool {
	a, errA := strconv.ParseFloat(ours, 64)
	b, errB := strconv.ParseFloat(theirs, 64)
	if errA != nil || errB != nil {
		return ours == theirs
	}
	_, kind, _ := strings.Cut(field, ".")
	switch {
	case field == "duration" || kind == "duration":
		return math.Abs(a-b) <= 0.0015 // Matroska and FLV count milliseconds
	case field == "bitrate" || kind == "bitrate":
		return math.Abs(a-b) <= max(2, b*0.005)
	case kind == "fps":
		return math.Abs(a-b) <= b*0.001
	}
	return a == b
}
