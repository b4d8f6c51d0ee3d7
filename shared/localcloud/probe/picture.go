package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // the formats that an uploaded image may have
	_ "image/jpeg" //
	_ "image/png"  //
	"io"

	_ "golang.org/x/image/webp" // well kept, and linked by the local cloud only
)

// Picture is what an image file says of itself.
type Picture struct {
	Format      string // jpeg, png, gif, webp, heic, avif
	Width       int    // as stored
	Height      int
	Orientation int // of EXIF, 1 to 8; from 5 on the picture is shown turned by a quarter
}

// Shown is the size of the picture on a screen.
func (p Picture) Shown() (width, height int) {
	if p.Orientation >= 5 {
		return p.Height, p.Width
	}
	return p.Width, p.Height
}

const maxPictureHead = 16 << 20 // thumbnails and color profiles may stand before the size

// ReadPicture reads the size and orientation of an image.
func ReadPicture(r io.ReadSeeker) (p Picture, err error) {
	p, err = readPicture(r)
	if err != nil {
		return Picture{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return p, nil
}

func readPicture(r io.ReadSeeker) (Picture, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return Picture{}, err
	}
	s := &source{r: r, size: size, left: maxIndex}
	head, err := s.read(0, maxPictureHead)
	if err != nil {
		return Picture{}, err
	}
	if len(head) > 12 && string(head[4:8]) == "ftyp" {
		return heif(head)
	}
	c, format, err := image.DecodeConfig(bytes.NewReader(head))
	if err != nil {
		return Picture{}, err
	}
	p := Picture{Format: format, Width: c.Width, Height: c.Height, Orientation: 1}
	switch format {
	case "jpeg":
		p.Orientation = jpegOrientation(head)
	case "png":
		p.Orientation = chunkOrientation(head, 8, be, "eXIf", 4)
	case "webp":
		p.Orientation = chunkOrientation(head, 12, binary.LittleEndian, "EXIF", 0)
	}
	return p, nil
}

// jpegOrientation looks for the EXIF block before the picture's data.
func jpegOrientation(b []byte) int {
	for at := 2; at+4 <= len(b) && b[at] == 0xff; {
		if b[at+1] == 0xff { // fill
			at++
			continue
		}
		n := int(be.Uint16(b[at+2:]))
		if b[at+1] == 0xda || n < 2 || at+2+n > len(b) {
			break
		}
		if body := b[at+4 : at+2+n]; b[at+1] == 0xe1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			return tiffOrientation(body[6:])
		}
		at += 2 + n
	}
	return 1
}

// chunkOrientation looks for EXIF among the chunks of PNG (length, name) and WebP
// (name, length, filled up to an even place).
func chunkOrientation(b []byte, at int, order binary.ByteOrder, name string, nameAt int) int {
	for at+8 <= len(b) {
		n := int(order.Uint32(b[at+4-nameAt:]))
		if n > len(b)-at-8 {
			break
		}
		if string(b[at+nameAt:at+nameAt+4]) == name {
			return tiffOrientation(bytes.TrimPrefix(b[at+8:at+8+n], []byte("Exif\x00\x00")))
		}
		at += 8 + n
		if nameAt == 4 {
			at += 4 // checksum
		} else {
			at += n & 1
		}
	}
	return 1
}

// tiffOrientation reads tag 274 of the first directory; 1 where there is none.
func tiffOrientation(b []byte) int {
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(b[:4]) {
	case "MM\x00*":
		order = be
	case "II*\x00":
	default:
		return 1
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	count := int(order.Uint16(b[at:]))
	for b = b[at+2:]; count > 0 && len(b) >= 12; count, b = count-1, b[12:] {
		if order.Uint16(b) != 274 {
			continue
		}
		if v := int(order.Uint16(b[8:])); v >= 1 && v <= 8 && order.Uint16(b[2:]) == 3 {
			return v
		}
		return 1
	}
	return 1
}

// heif reads HEIC and AVIF: the properties of the primary item (ISO 23008-12).
func heif(b []byte) (Picture, error) {
	brand := string(b[8:12])
	p := Picture{Format: "heic", Orientation: 1}
	switch brand {
	case "avif", "avis":
		p.Format = "avif"
	case "heic", "heix", "heim", "heis", "hevc", "mif1", "msf1":
	default:
		return p, fmt.Errorf("%w: brand %q", ErrNotEmulated, brand)
	}
	meta := inside(b, "meta")
	if len(meta) < 4 {
		return p, errors.New("no meta box")
	}
	meta = meta[4:]
	item, ok := primary(inside(meta, "pitm"))
	if !ok {
		return p, errors.New("no primary item")
	}
	p.properties(inside(meta, "iprp"), item)
	if p.Width <= 0 || p.Height <= 0 || p.Width > 1<<20 || p.Height > 1<<20 {
		return p, errors.New("no size of the primary item")
	}
	return p, nil
}

// properties takes size and turn of an item.
func (p *Picture) properties(iprp []byte, item uint32) {
	var properties [][]byte
	var kinds []string
	for kind, body := range boxes(inside(iprp, "ipco")) {
		kinds, properties = append(kinds, kind), append(properties, body)
	}
	turn := 0
	for _, i := range associations(inside(iprp, "ipma"), item) {
		if i < 1 || i > len(properties) {
			continue
		}
		switch body := properties[i-1]; {
		case kinds[i-1] == "ispe" && len(body) >= 12:
			p.Width, p.Height = int(be.Uint32(body[4:])), int(be.Uint32(body[8:]))
		case kinds[i-1] == "irot" && len(body) >= 1:
			turn = int(body[0] & 3) // quarters, counter-clockwise
		}
	}
	p.Orientation = []int{1, 8, 3, 6}[turn]
}

// primary reads a pitm box.
func primary(b []byte) (uint32, bool) {
	switch {
	case len(b) >= 6 && b[0] == 0:
		return uint32(be.Uint16(b[4:])), true
	case len(b) >= 8:
		return be.Uint32(b[4:]), true
	}
	return 0, false
}

// associations lists the numbers of an item's properties, from 1 on, by the ipma box.
func associations(b []byte, item uint32) []int {
	if len(b) < 8 {
		return nil
	}
	version, wide := b[0], b[3]&1 != 0
	count := be.Uint32(b[4:])
	b = b[8:]
	for ; count > 0 && len(b) >= 5; count-- {
		id := uint32(be.Uint16(b))
		b = b[2:]
		if version > 0 {
			id = id<<16 | uint32(be.Uint16(b))
			b = b[2:]
		}
		if len(b) < 1 {
			return nil
		}
		n := int(b[0])
		b = b[1:]
		var out []int
		for ; n > 0 && len(b) > 0; n-- {
			if wide {
				if len(b) < 2 {
					return nil
				}
				out, b = append(out, int(be.Uint16(b)&0x7fff)), b[2:]
			} else {
				out, b = append(out, int(b[0]&0x7f)), b[1:]
			}
		}
		if id == item {
			return out
		}
	}
	return nil
}

// readGIF reads an animation: its frames and how long each is shown.
func readGIF(s *source, m *Media) error {
	b, err := s.read(0, maxPictureHead)
	if err != nil || len(b) < 13 {
		return errors.Join(err, errors.New("too short"))
	}
	m.Format = "gif"
	t := Track{Kind: "video", Codec: "gif", Language: "und", Timescale: 100,
		Width: int(binary.LittleEndian.Uint16(b[6:])), Height: int(binary.LittleEndian.Uint16(b[8:]))}
	at := 13 + palette(b[10])
	blocks := func() { // lengths and data, up to an empty one
		for at < len(b) && b[at] != 0 {
			at += 1 + int(b[at])
		}
		at++
	}
	hundredths := 0
	for at+8 <= len(b) && b[at] != 0x3b {
		switch b[at] {
		case 0x21:
			if b[at+1] == 0xf9 && b[at+2] == 4 {
				delay := int(binary.LittleEndian.Uint16(b[at+4:]))
				if delay < 2 { // players show such frames for a tenth of a second
					delay = 10
				}
				hundredths += delay
			}
			at += 2
			blocks()
		case 0x2c:
			if at+11 > len(b) {
				return errors.New("cut off")
			}
			at += 10 + palette(b[at+9]) + 1
			blocks()
			t.Frames++
		default:
			return errors.New("no block of a GIF")
		}
	}
	t.Duration = float64(hundredths) / 100
	if t.Duration > 0 {
		t.FPS = float64(t.Frames) / t.Duration
	}
	m.Tracks = []Track{t}
	return nil
}

// palette is how many bytes of color follow such flags.
func palette(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}
