package report

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"vodcurator/shared/video"
)

// Say writes one piece of text for people, as fmt.Fprintf does. Texts and errors among
// the arguments are shown as video.Visible has them, so that none of them can begin a line
// of its own; line feeds of the format stay.
func Say(w io.Writer, format string, args ...any) error {
	_, err := io.WriteString(w, Sayf(format, args...))
	return err
}

// Sayf is Say into a string.
func Sayf(format string, args ...any) string {
	shown := make([]any, len(args))
	for i, arg := range args {
		shown[i] = arg
		if _, is := arg.(error); is || arg != nil && reflect.TypeOf(arg).Kind() == reflect.String {
			shown[i] = video.Visible(fmt.Sprint(arg))
		}
	}
	return fmt.Sprintf(format, shown...)
}

// JSON writes a value for programs. Every value stays what it is, and characters that
// video.Visible would write out are \u escapes. Expressions stay readable: this is no web
// page, so < and & are not escaped. An indent of "" gives one line.
func JSON(w io.Writer, v any, indent string) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, video.VisibleJSON(b.String()))
	return err
}

// Screen is a writer before a terminal: whatever passes is video.VisibleLines. It is the
// last of the measures and not the only one: it cannot tell a line feed in a title from one
// of ours. Close writes what a cut character left; it does not close what is behind.
type Screen struct {
	// Wide is how many columns the terminal has, for tables; 0: nobody knows, or it is none.
	Wide int

	w    io.Writer
	held []byte // the beginning of a character whose rest is still to come
}

// NewScreen sets a screen before w.
func NewScreen(w io.Writer) *Screen { return &Screen{w: w} }

// Write implements io.Writer.
func (s *Screen) Write(p []byte) (int, error) {
	text := slices.Concat(s.held, p)
	end := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if tail := text[len(text)-back:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				end -= back
			}
			break
		}
	}
	s.held = append([]byte(nil), text[end:]...)
	if _, err := io.WriteString(s.w, video.VisibleLines(string(text[:end]))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Columns is Wide, for what is written here.
func (s *Screen) Columns() int { return s.Wide }

// Close implements io.Closer.
func (s *Screen) Close() error {
	_, err := io.WriteString(s.w, video.Visible(string(s.held)))
	s.held = nil
	return err
}

// jsonScreen is a Screen for whole lines of JSON: their values stay the same.
type jsonScreen struct{ w io.Writer }

func (s jsonScreen) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.w, video.VisibleJSON(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
