package boot

import "vodcurator/shared/act/edit"

// EditConfig is what an Editor of the library is made of, with its rules. A program that
// asks for it holds the calls that write.
func (a *App) EditConfig() edit.Config {
	c := edit.Config{
		Library: struct {
			VideosRight
			ImagesRight
			UpdateRight
			UpdateImagesRight
		}{a.Videos(), a.Images(), a.VOD.Update, a.VOD.UpdateImages},
		Log: a.Log,
		Rules: edit.Rules{
			Read: a.Rules(), Media: a.Media(), Labels: a.VOD.Labels,
			Reach: a.Reach(), Report: a.TaggingMode == "report",
		},
	}
	if a.State != nil { // a nil *State in an interface would not be nil
		c.State = a.State
	}
	return c
}
