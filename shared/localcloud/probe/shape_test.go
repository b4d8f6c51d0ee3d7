package probe_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/probe"
)

func matrixFile(t *testing.T, name string) probe.Media {
	t.Helper()
	m, err := probe.Read(bytes.NewReader(media(t, "matrix/"+name)))
	require.NoError(t, err)
	return m
}

func TestTheShapeIsWhatIsShown(t *testing.T) {
	for name, want := range map[string][2]int{
		"mp4-h264-aac.mp4":      {160, 120},
		"mp4-90.mp4":            {120, 160},
		"mp4-180.mp4":           {160, 120},
		"mp4-270.mp4":           {120, 160},
		"mp4-dar-16-9.mp4":      {284, 160}, // stored upright, 150x160
		"mp4-dar-9-16.mp4":      {84, 150},  // stored lying, 160x150
		"mp4-dar-90.mp4":        {120, 142}, // stretched, then turned
		"mp4-sar-in-stream.mp4": {171, 120},
		"mp4-sar-tkhd.mp4":      {320, 120},
		"mkv-dar-16-9.mkv":      {284, 160},
		"ts-sar.ts":             {171, 120},
		"mov-cover-first.mov":   {160, 120},
		"m4a-cover-track.mp4":   {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, h := matrixFile(t, name).Shown()
			require.Equal(t, want, [2]int{w, h})
		})
	}
}

func TestACoverIsNoFilm(t *testing.T) {
	for name, audio := range map[string]bool{
		"m4a-cover-track.mp4":     true,
		"m4a-cover-png-first.mov": true,
		"mov-cover-first.mov":     false,
		"mp4-one-frame-sound.mp4": false, // one picture for as long as the sound
		"mp4-one-frame.mp4":       false,
		"mov-mjpeg.mov":           false,
		"mp3-cover.mp3":           true,
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, audio, matrixFile(t, name).Audio()) })
	}
	covers := 0
	for _, track := range matrixFile(t, "mov-cover-first.mov").Tracks {
		if track.Cover {
			covers++
			require.Equal(t, 50, track.Width)
		}
	}
	require.Equal(t, 1, covers)
}

// Whatever the header claims: 0, all ones, or the part of the film that came before
// the first fragment.
func TestTheDurationIsOfTheTracks(t *testing.T) {
	for name, want := range map[string]float64{
		"mvhd-zero.mp4": 2, "mvhd-ones.mp4": 2, "all-ones.mp4": 2, "all-zero.mp4": 2,
		"frag-keyframe.mp4": 4.02, "frag-empty-moov.mp4": 4.02, "frag-delay-moov.mp4": 4.02, "frag-base-moof.mp4": 4.02, "frag-separate.mp4": 4.02,
		"frag-dash.mp4": 4, "frag-global-sidx.mp4": 4, "frag-sound.mp4": 4.02, "frag-90s.mp4": 90.1, "frag-live.mp4": 4.02,
		"mkv-live.mkv": 2.04, "webm-live.webm": 2, "flv-live.flv": 2.02, "wav-live.wav": 1, "ts-wrap.ts": 2.04,
	} {
		t.Run(name, func(t *testing.T) { require.InDelta(t, want, matrixFile(t, name).Duration, 0.05) })
	}
}

// A duration that nobody knows is 0, which VOD's answers leave out: not 4,294,967 s.
func TestAllOnesWithoutAnyTableIsUnknown(t *testing.T) {
	body := media(t, "matrix/all-ones.mp4")
	for _, box := range []string{"elst", "stts"} {
		body = bytes.ReplaceAll(body, []byte(box), []byte("free"))
	}
	m, err := probe.Read(bytes.NewReader(body))
	if err != nil {
		require.ErrorIs(t, err, probe.ErrUnreadable)
		return
	}
	require.Zero(t, m.Duration)
}

func TestAForeignContainerIsNamed(t *testing.T) {
	for want, head := range map[string]string{"AVI": "RIFF\x00\x00\x00\x00AVI LIST", "Ogg": "OggS\x00\x02", "FLAC": "fLaC\x00\x00\x00\x22", "RealMedia": ".RMF\x00\x00"} {
		_, err := probe.Read(bytes.NewReader([]byte(head + "                                 ")))
		require.ErrorIs(t, err, probe.ErrNotEmulated)
		require.ErrorIs(t, err, probe.ErrUnreadable)
		require.ErrorContains(t, err, want)
	}
	_, err := probe.Read(bytes.NewReader([]byte("text")))
	require.NotErrorIs(t, err, probe.ErrNotEmulated)
}

// exif is a block of EXIF with one tag, in either order of bytes.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	b := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	for _, v := range []uint16{1, 274, 3} {
		b = order.AppendUint16(b, v)
	}
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, orientation)
	return append(b, 0, 0, 0, 0, 0, 0)
}

func box(kind string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+8)), kind...), body...)
}

// heic has one item of 64x48, turned by so many quarters counter-clockwise, and a
// thumbnail beside it.
func heic(brand string, quarters byte) []byte {
	size := func(w, h byte) []byte { return box("ispe", []byte{0, 0, 0, 0, 0, 0, 0, w, 0, 0, 0, h}) }
	return append(box("ftyp", []byte(brand), []byte("\x00\x00\x00\x00mif1")),
		box("meta", make([]byte, 4), box("pitm", []byte{0, 0, 0, 0, 0, 7}), box("iprp",
			box("ipco", size(16, 12), size(64, 48), box("irot", []byte{quarters})),
			box("ipma", []byte{0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 1, 0x81, 0, 7, 2, 0x82, 0x83})))...)
}

func TestPicturesAsShown(t *testing.T) {
	picture := image.NewPaletted(image.Rect(0, 0, 64, 48), color.Palette{color.Black, color.White})
	var jpg, pngs, gifs bytes.Buffer
	require.NoError(t, jpeg.Encode(&jpg, picture, nil))
	require.NoError(t, png.Encode(&pngs, picture))
	require.NoError(t, gif.Encode(&gifs, picture, nil))
	withExif := func(order binary.AppendByteOrder, orientation uint16) []byte {
		block := append([]byte("Exif\x00\x00"), exif(order, orientation)...)
		head := append([]byte{0xff, 0xd8, 0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(block)+2))...)
		return append(append(head, block...), jpg.Bytes()[2:]...)
	}
	chunk := func(kind string, body []byte) []byte {
		b := append(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), kind...), body...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
	}
	riff := append([]byte("RIFF\x60\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x08\x00\x00\x00\x3f\x00\x00\x2f\x00\x00EXIF\x1a\x00\x00\x00"), exif(binary.LittleEndian, 8)...)
	for name, tc := range map[string]struct {
		body          []byte
		format        string
		width, height int
	}{
		"JPEG":                        {jpg.Bytes(), "jpeg", 64, 48},
		"JPEG turned, Motorola":       {withExif(binary.BigEndian, 6), "jpeg", 48, 64},
		"JPEG turned, Intel":          {withExif(binary.LittleEndian, 8), "jpeg", 48, 64},
		"JPEG on its head":            {withExif(binary.LittleEndian, 3), "jpeg", 64, 48},
		"JPEG, mirrored and turned":   {withExif(binary.BigEndian, 5), "jpeg", 48, 64},
		"JPEG, no such orientation":   {withExif(binary.BigEndian, 9), "jpeg", 64, 48},
		"PNG":                         {pngs.Bytes(), "png", 64, 48},
		"PNG turned":                  {append(append(bytes.Clone(pngs.Bytes()[:33]), chunk("eXIf", exif(binary.BigEndian, 6))...), pngs.Bytes()[33:]...), "png", 48, 64},
		"GIF":                         {gifs.Bytes(), "gif", 64, 48},
		"WebP turned":                 {riff, "webp", 48, 64},
		"HEIC":                        {heic("heic", 0), "heic", 64, 48},
		"HEIC turned":                 {heic("heic", 3), "heic", 48, 64},
		"HEIC under its general name": {heic("mif1", 1), "heic", 48, 64},
		"AVIF on its head":            {heic("avif", 2), "avif", 64, 48},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := probe.ReadPicture(bytes.NewReader(tc.body))
			require.NoError(t, err)
			w, h := p.Shown()
			require.Equal(t, []any{tc.format, tc.width, tc.height}, []any{p.Format, w, h})
			for n := range tc.body { // cut off anywhere: any answer, no crash
				_, _ = probe.ReadPicture(bytes.NewReader(tc.body[:n]))
			}
		})
	}
}
