"""lungcad: lungs, nodules and coronary calcium of a chest CT, measured, compared with earlier ones and reported.

From Python, a series in a folder is read as the command line and the service read it:

    from pathlib import Path
    from cad.case.case import read_case
    from cad.case.choices import NetworkChoice
    from cad.case.networks import load_tools
    from cad.case.request import CaseRequest
    from cad.policy import SeriesPolicy
    from dicom_io.read.reading import load_series

    loaded = load_series([Path("SERIES")], SeriesPolicy())
    findings = read_case(loaded, load_tools(NetworkChoice()), CaseRequest()).findings
    print(findings.lungs.labels.shape, [(nodule.label, nodule.volume_mm3) for nodule in findings.nodules])

`import cad` itself imports nothing; docs/contributing.md has a line for each folder.
"""
