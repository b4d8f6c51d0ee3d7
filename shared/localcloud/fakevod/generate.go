package fakevod

func (a *Asset) makeParts() {}
