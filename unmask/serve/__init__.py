"""The web service of `unmask serve`: a page and a JSON API over one warm predictor. Needs the extra `serve`."""
