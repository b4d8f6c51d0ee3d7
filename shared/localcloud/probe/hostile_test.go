package probe_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"math/rand/v2"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/probe"
)

// bounded probes a file and wants little memory and few reads, whatever is in it.
func bounded(t *testing.T, body []byte) {
	t.Helper()
	r := &counting{ReadSeeker: bytes.NewReader(body)}
	before := allocated()
	m, err := probe.Read(r)
	after := allocated()
	if err != nil {
		require.ErrorIs(t, err, probe.ErrUnreadable)
		require.Zero(t, m)
	} else {
		require.NotEmpty(t, m.Tracks)
		require.GreaterOrEqual(t, m.Duration, 0.0)
		require.LessOrEqual(t, m.Duration, 1e7)
		w, h := m.Shown()
		require.Equal(t, m.Audio(), w == 0 || h == 0)
	}
	require.LessOrEqual(t, r.bytes, int64(128<<20), "bytes read")
	require.LessOrEqual(t, r.calls, 1<<22, "calls")
	if len(body) <= 1<<20 {
		require.Less(t, after-before, uint64(64<<20), "bytes allocated in all, kept or not")
	}
}

// allocated is in bytes, since the start; it stops nothing, as MemStats would.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

type counting struct {
	io.ReadSeeker
	calls int
	bytes int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	c.calls, c.bytes = c.calls+1, c.bytes+int64(n)
	return n, err
}

// Every file of 1 MB here is built to cost as much as it can.
func TestHostileFilesCostLittle(t *testing.T) {
	fill := func(head string, unit string) []byte {
		return append([]byte(head), bytes.Repeat([]byte(unit), (1<<20-len(head))/len(unit))...)
	}
	number := func(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }
	landscape := media(t, "landscape.mp4")
	moov := landscape[bytes.Index(landscape, []byte("moov"))-4:]
	moov = moov[:binary.BigEndian.Uint32(moov)]
	ftyp := landscape[:32]
	traf := box("traf", box("tfhd", []byte{0, 0, 0, 0, 0, 0, 0, 1}), box("trun", []byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}))
	nested := func(kind string) []byte {
		b := make([]byte, 0, 1<<20)
		for n := uint32(1<<20 - 32); n > 16; n -= 8 {
			b = append(append(b, number(n)...), kind...)
		}
		return b
	}
	for name, body := range map[string][]byte{
		"empty boxes at the top":        fill(string(ftyp), "\x00\x00\x00\x08free"),
		"empty fragments":               fill(string(ftyp)+string(moov), "\x00\x00\x00\x08moof"),
		"fragments of 4 G samples":      fill(string(ftyp)+string(moov), string(box("moof", traf))),
		"tracks without end":            fill(string(ftyp)+number(1<<20-32)+"moov", "\x00\x00\x00\x08trak"),
		"empty boxes in the index":      fill(string(ftyp)+number(1<<20-32)+"moov", "\x00\x00\x00\x08free"),
		"many indexes":                  fill(string(ftyp), string(moov)),
		"nested boxes":                  append(bytes.Clone(ftyp), nested("moov")...),
		"nested waves":                  append(bytes.Clone(ftyp), nested("wave")...),
		"a box of 2^63 bytes":           append(bytes.Clone(ftyp), "\x00\x00\x00\x01moov\x7f\xff\xff\xff\xff\xff\xff\xff"...),
		"empty elements":                fill("\x1aE\xdf\xa3\x80\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xff", "\xec\x80"),
		"empty clusters":                fill("\x1aE\xdf\xa3\x80\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xff", "\x1f\x43\xb6\x75\x80"),
		"endless clusters":              fill("\x1aE\xdf\xa3\x80\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xff", "\x1f\x43\xb6\x75\xff"),
		"endless groups":                fill("\x1aE\xdf\xa3\x80\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xff\x1f\x43\xb6\x75\xff", "\xa0\xff"),
		"tracks of Matroska":            fill("\x1aE\xdf\xa3\x80\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xff\x16\x54\xae\x6b\x10\x0f\xf0\x00", "\xae\x83\x83\x81\x01"),
		"empty tags of FLV":             fill("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00", "\x12\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
		"ones":                          fill("", "\xff"),
		"frames of MP3":                 fill("", "\xff\xfb\x14\x00"),
		"a tag of 256 MB":               fill("ID3\x04\x00\x00\x7f\x7f\x7f\x7f", "\x00"),
		"empty chunks of WAV":           fill("RIFF\x00\x00\x00\x00WAVE", "junk\x00\x00\x00\x00"),
		"packets without a table":       fill("", "\x47\x1f\xff\x10"+strings.Repeat("\xff", 184)),
		"packets of tables":             fill("", "\x47\x40\x00\x10\x00\x00\xb0\x0d\x00\x01\xc1\x00\x00\x00\x01\xe0\x20"+strings.Repeat("\xff", 171)),
		"empty pictures of GIF":         fill("GIF89a\x01\x00\x01\x00\x00\x00\x00", "\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x00"),
		"zeros behind a transport sync": fill("", "\x47"+strings.Repeat("\x00", 187)),
	} {
		t.Run(name, func(t *testing.T) { bounded(t, body) })
	}
}

// Every file of the matrix, cut off, with bytes changed, and with numbers forged.
func TestDamagedFilesCostLittle(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	files := keptFiles(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		body := files[name]
		if len(body) == 0 {
			continue
		}
		for i := range 12 {
			damaged := bytes.Clone(body)
			switch i % 3 {
			case 0:
				damaged = damaged[:rng.IntN(len(damaged))]
			case 1:
				for range 1 + rng.IntN(8) {
					damaged[rng.IntN(len(damaged))] = byte(rng.Uint32())
				}
			case 2:
				if at := rng.IntN(min(len(damaged), 4096)); at+4 <= len(damaged) {
					copy(damaged[at:], []string{"\xff\xff\xff\xff", "\x00\x00\x00\x00", "\x7f\xff\xff\xff", "\x00\x00\x00\x01"}[rng.IntN(4)])
				}
			}
			bounded(t, damaged)
		}
	}
}

func FuzzProbe(f *testing.F) {
	for _, name := range []string{"landscape.mp4", "portrait.mp4", "audio-only.m4a"} {
		b := media(f, name)
		f.Add(b[:min(len(b), 6000)]) // the index comes first
	}
	for _, b := range keptFiles(f) {
		f.Add(b[:min(len(b), 20000)])
	}
	f.Fuzz(func(t *testing.T, raw []byte) { bounded(t, raw) })
}

func FuzzPicture(f *testing.F) {
	f.Add(media(f, "cover.jpg"))
	f.Add(heic("heic", 1))
	f.Add([]byte("RIFF\x1a\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x08\x00\x00\x00\x3f\x00\x00\x2f\x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := probe.ReadPicture(bytes.NewReader(raw))
		if err != nil {
			require.ErrorIs(t, err, probe.ErrUnreadable)
			require.Zero(t, p)
		}
	})
}
