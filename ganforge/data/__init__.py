"""What a GAN is trained on: the contract with a data set, image files and folders, and the cache of prepared images."""

from typing import TYPE_CHECKING

from ganforge._io.lazy import lazy_exports

if TYPE_CHECKING:
    from ganforge.data.contract import (
        DatasetEntry,
        Describes,
        Download,
        ImageFacts,
        ImageSet,
        ImageShape,
        LeftOut,
        NoOptions,
        Pixels,
    )
    from ganforge.data.download import fetch
    from ganforge.data.extractors import Extractor, ExtractorEntry, Learner
    from ganforge.data.face_cropping import crop_faces
    from ganforge.data.folders import ImageFile, ImageFolder, by_subfolder, list_images, printable_name
    from ganforge.data.image_files import read_image
    from ganforge.data.locate import existing_folder
    from ganforge.data.preparing import Prepared, image_channels, prepare
    from ganforge.data.python_data import as_image_set
    from ganforge.data.readers.file_set import FileSet
    from ganforge.data.readers.idx import read_idx
    from ganforge.data.readers.opening import check_first_rules, open_images
    from ganforge.data.reading_settings import OpenOptions
    from ganforge.data.resizing import fit_image
    from ganforge.data.resizing_settings import Crop, Filter, Fit, Resizing
    from ganforge.data.survey import Account, take_account

_HOMES = {
    "Account": "survey",
    "Crop": "resizing_settings",
    "DatasetEntry": "contract",
    "Describes": "contract",
    "Download": "contract",
    "Extractor": "extractors",
    "ExtractorEntry": "extractors",
    "FileSet": "readers.file_set",
    "Filter": "resizing_settings",
    "Fit": "resizing_settings",
    "ImageFacts": "contract",
    "ImageFile": "folders",
    "ImageFolder": "folders",
    "ImageSet": "contract",
    "ImageShape": "contract",
    "Learner": "extractors",
    "LeftOut": "contract",
    "NoOptions": "contract",
    "OpenOptions": "reading_settings",
    "Pixels": "contract",
    "Prepared": "preparing",
    "Resizing": "resizing_settings",
    "as_image_set": "python_data",
    "by_subfolder": "folders",
    "check_first_rules": "readers.opening",
    "crop_faces": "face_cropping",
    "existing_folder": "locate",
    "fetch": "download",
    "fit_image": "resizing",
    "image_channels": "preparing",
    "list_images": "folders",
    "open_images": "readers.opening",
    "prepare": "preparing",
    "printable_name": "folders",
    "read_idx": "readers.idx",
    "read_image": "image_files",
    "take_account": "survey",
}

__all__ = [
    "Account",
    "Crop",
    "DatasetEntry",
    "Describes",
    "Download",
    "Extractor",
    "ExtractorEntry",
    "FileSet",
    "Filter",
    "Fit",
    "ImageFacts",
    "ImageFile",
    "ImageFolder",
    "ImageSet",
    "ImageShape",
    "Learner",
    "LeftOut",
    "NoOptions",
    "OpenOptions",
    "Pixels",
    "Prepared",
    "Resizing",
    "as_image_set",
    "by_subfolder",
    "check_first_rules",
    "crop_faces",
    "existing_folder",
    "fetch",
    "fit_image",
    "image_channels",
    "list_images",
    "open_images",
    "prepare",
    "printable_name",
    "read_idx",
    "read_image",
    "take_account",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
